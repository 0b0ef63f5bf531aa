// With API keys set the dashboard opens, asks for a key in a dialog, and goes on with it: lists, and the stream of events that
// the tabs share.
import { fileURLToPath } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { startApi, type TestApi } from "../support/api.js";
import { CHROMIUM, FLAGS } from "./valence.js";

const KEY = "a-key-of-thirty-two-characters-00";
let api: TestApi;
let browser: Browser;
let page: Page;
let run: string;
let url: string;
beforeAll(async () => {
	api = await startApi({
		API_KEYS: KEY,
		DASHBOARD_DIR: fileURLToPath(new URL("../../services/dashboard/dist", import.meta.url)),
	});
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
	run = (await api.experiment(["RUNNING"])).runs[0] as string;
	browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
	page = await browser.newPage();
}, 120_000);
afterAll(async () => {
	await browser?.close();
	await api?.close();
}, 60_000);

test("the page opens without a key, takes one in its dialog, and follows a run with it", async () => {
	await page.goto(`${url}/ui/runs/${run}`);
	const field = page.getByRole("dialog").getByLabel("This service asks for a key");
	await field.fill("not the key that it is");
	await page.getByRole("button", { name: "Use it" }).click();
	await page.getByRole("dialog").getByText("The key in use was refused").waitFor();
	await field.fill(KEY);
	await page.getByRole("button", { name: "Use it" }).click();
	await page.getByRole("log").getByText("running").waitFor();
	await page.getByRole("heading", { name: "valid, seed 1" }).waitFor();
}, 60_000);

test("a dialog that was closed can be opened again", async () => {
	const other = await browser.newPage();
	await other.goto(`${url}/ui/experiments`);
	await other.getByRole("dialog").waitFor();
	await other.keyboard.press("Escape");
	await other.getByRole("alert").getByText("A key is needed").waitFor();
	await other.getByRole("button", { name: "API key" }).click();
	await other.getByLabel("This service asks for a key").fill(KEY);
	await other.keyboard.press("Enter");
	await other.getByRole("table", { name: "Experiments" }).getByText("an experiment").waitFor();
}, 60_000);

test("the documentation opens without a key", async () => {
	const other = await browser.newPage();
	await other.goto(`${url}/docs`);
	await other.getByRole("button", { name: "Authorize" }).waitFor();
}, 60_000);
