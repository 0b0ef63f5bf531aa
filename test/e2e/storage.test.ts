// What the disk holds, orphans and keep rules in a real browser, on sizes that a test can know: the trainer is a fake.
import { randomUUID } from "node:crypto";
import { type Browser, chromium, type Page } from "playwright-core";
import { startApi, type TestApi } from "../support/api.js";

const MIB = 2 ** 20;
const DAY_MS = 24 * 3_600_000;

let api: TestApi;
let browser: Browser;
let page: Page;
let url: string;
let experiment: { id: string; runs: string[] };

const lies = (key: string, shape: string, bytes: number) =>
	api.trainer.artifacts.push({ key, shape, bytes, changedMs: Date.now() - 2 * DAY_MS });

beforeAll(async () => {
	api = await startApi();
	experiment = await api.experiment(["SUCCEEDED", "SUCCEEDED"]);
	for (const runId of experiment.runs) {
		await api.app.prisma.checkpoint.updateMany({ where: { runId }, data: { bytes: 3 * MIB, isLast: false } });
		const last = { epoch: 4, key: `runs/${runId}/epoch-00004`, sha256: "0", bytes: 3 * MIB, isLast: true };
		await api.app.prisma.checkpoint.create({ data: { runId, ...last } });
		for (const epoch of [2, 4]) lies(`runs/${runId}/epoch-0000${epoch}`, "checkpoint", 3 * MIB);
	}
	lies(`runs/${randomUUID()}/epoch-00001`, "checkpoint", 5 * MIB);
	lies("lost+found", "unknown", MIB);
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
	browser = await chromium.launch({
		executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
		args: ["--no-sandbox", "--disable-gpu"],
	});
	page = await browser.newPage();
}, 90_000);
afterAll(async () => {
	await browser?.close();
	await api?.close();
});

test("sizes with links, and orphans that go once that is confirmed", async () => {
	await page.goto(`${url}/ui`);
	await page.getByRole("link", { name: "Storage" }).click();
	await page
		.getByRole("img", { name: /Runs 12\.0 MiB, Uploads 0\.0 KiB, Exports 0\.0 KiB, Orphans 5\.0 MiB/ })
		.waitFor();
	const experiments = page.getByRole("table", { name: "Experiments" });
	await experiments.getByRole("row", { name: /an experiment .* 2 12\.0 MiB/ }).waitFor();
	await page.getByRole("table", { name: "Unknown files" }).getByText("lost+found").waitFor();

	await page.getByRole("button", { name: "Remove orphans" }).press("Enter");
	const dialog = page.getByRole("dialog", { name: "Remove 1 artifact, 5.0 MiB, from the disk?" });
	await dialog.getByRole("button", { name: "Keep" }).press("Enter");
	await dialog.waitFor({ state: "hidden" });
	expect(api.trainer.deleted).toEqual([]);
	await page.getByRole("button", { name: "Remove orphans" }).click();
	await dialog.getByRole("button", { name: "Remove orphans" }).click();
	await page.getByText("There are none").waitFor();
	expect(api.trainer.deleted).toHaveLength(1);

	lies(`uploads/${randomUUID()}`, "upload", 7 * MIB);
	await page.getByRole("button", { name: "Measure again" }).click();
	await page.getByRole("table", { name: "Orphans" }).getByText("7.0 MiB").waitFor();
	await experiments.getByRole("link", { name: "an experiment" }).click();
	await page.getByRole("heading", { name: "an experiment" }).waitFor();
}, 90_000);

test("a keep rule says beforehand what it removes; the run says afterwards that it was removed", async () => {
	await page.goto(`${url}/ui/experiments/${experiment.id}`);
	await page.getByText("Kept: the best and the last of every run").click();
	const runs = page.getByLabel("Best runs that keep them");
	await runs.fill("none");
	await page.getByText("a whole number from 1 to 1000").waitFor();
	expect(await page.getByRole("button", { name: "Apply" }).isDisabled()).toBe(true);
	await runs.fill("1");
	await page.getByText("Removes 2 checkpoints, 6.0 MiB, now.").waitFor();
	await page.getByRole("button", { name: "Apply" }).click();
	await page.getByRole("dialog").getByRole("button", { name: "Apply" }).click();
	await page.getByText("Kept: the best and the last of the best run").waitFor();
	await page.goto(`${url}/ui/runs/${experiment.runs[0]}`);
	await page
		.getByText(/The keep rule of the experiment removed checkpoints of this run on .*Its metrics stay/)
		.waitFor();
	expect(api.trainer.deleted).toEqual(
		expect.arrayContaining([2, 4].map((n) => `runs/${experiment.runs[0]}/epoch-0000${n}`)),
	);
}, 90_000);

test("a new experiment takes its rule along", async () => {
	await page.goto(`${url}/ui/experiments/new`);
	await page.getByText("Checkpoints kept: the best and the last of every run").click();
	await page.getByRole("combobox", { name: "Checkpoints kept of a finished run" }).click();
	await page.getByRole("option", { name: "only the best" }).click();
	await page.getByLabel("Best runs that keep them").fill("2");
	await page.getByText("Checkpoints kept: only the best of the 2 best runs").waitFor();
	await page.getByRole("button", { name: "Launch" }).click();
	await page.getByText("Kept: only the best of the 2 best runs").waitFor();
}, 90_000);
