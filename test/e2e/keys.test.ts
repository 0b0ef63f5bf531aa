// Keys on the dashboard: one is made and shown once, does what its scope says, and is revoked; the audit log tells all of it. With
// VALENCE_SCREENSHOTS set to a folder, the pages are kept there as pictures.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { startApi, type TestApi } from "../support/api.js";
import { bearer, FIRST } from "../support/keys.js";
import { CHROMIUM, FLAGS } from "./valence.js";

const PICTURES = process.env.VALENCE_SCREENSHOTS;
const PHONE = { viewport: { width: 390, height: 844 } };

let api: TestApi;
let browser: Browser;
let page: Page;
let url: string;

/** A tab of its own session. */
async function open(path: string, key: string, options: BrowserContextOptions = {}): Promise<Page> {
	const tab = await (await browser.newContext(options)).newPage();
	await tab.goto(`${url}/ui${path}`);
	await tab.getByRole("dialog").getByLabel("This service asks for a key").fill(key);
	await tab.getByRole("button", { name: "Use it" }).click();
	await tab.getByRole("dialog").waitFor({ state: "hidden" });
	return tab;
}
const picture = async (of: Page, name: string) => {
	if (PICTURES) await of.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
};

beforeAll(async () => {
	api = await startApi({
		API_KEYS: FIRST,
		DASHBOARD_DIR: fileURLToPath(new URL("../../services/dashboard/dist", import.meta.url)),
	});
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
	browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
	page = await open("/keys", FIRST);
}, 120_000);
afterAll(async () => {
	await browser?.close();
	await api?.close();
}, 60_000);

let shop: string;

test("a key is made, shown once and listed; a name in use is refused at its field", async () => {
	await page.getByText("No key yet").waitFor();
	const name = page.getByRole("textbox", { name: "Name" });
	await name.fill("shop-backend");
	await page.getByLabel("Requests a minute").fill("6000");
	await page.getByRole("combobox", { name: "Expires" }).click();
	await page.getByRole("option", { name: "In 90 days" }).click();
	await page.getByRole("button", { name: "Make key" }).click();
	const dialog = page.getByRole("dialog", { name: "The key shop-backend" });
	shop = (await dialog.getByLabel("The key").textContent())?.trim() ?? "";
	expect(shop).toMatch(/^valence_[0-9a-f]{8}_[\w-]{43}$/);
	const hidden = await dialog.getByLabel("The key").evaluate((code) => code.scrollWidth - code.clientWidth);
	expect(hidden).toBe(0);
	await page.keyboard.press("Escape");
	await picture(page, "made");
	await dialog.getByRole("button", { name: "I have kept it" }).click();
	await dialog.waitFor({ state: "hidden" });
	await page.getByRole("table", { name: "Keys" }).getByText("6,000 a minute").waitFor();
	expect(await page.content()).not.toContain(shop.slice(-43));
	await name.fill("shop-backend");
	await page.getByRole("button", { name: "Make key" }).click();
	await page.getByText("is the name of another key in use").waitFor();
}, 60_000);

test("with it the dashboard shows what it may, and says of the rest what is needed", async () => {
	const tab = await open("/experiments", shop);
	await tab.getByRole("alert").getByText("The key in use may not do this").waitFor();
	await tab.getByText("This needs a key of scope train or admin; the one in use is of scope serve.").first().waitFor();
	expect(await tab.getByRole("link", { name: "Keys" }).count()).toBe(0);
	expect(await tab.getByRole("button", { name: "API key" }).getAttribute("title")).toBe(
		"In use: key shop-backend, of scope serve",
	);
	await picture(tab, "scoped");
	await tab.getByRole("link", { name: "Models" }).click();
	await tab.getByRole("heading", { name: "Models" }).waitFor();
	await tab.context().close();
}, 60_000);

test("revoked, it opens nothing, and the list keeps it where that is asked for", async () => {
	await page.getByRole("button", { name: "Revoke" }).click();
	await page
		.getByRole("dialog", { name: "Revoke the key shop-backend?" })
		.getByRole("button", { name: "Revoke" })
		.click();
	await page.getByText("No key yet").waitFor();
	await page.getByLabel("Show those that were revoked").click();
	await page.getByRole("table", { name: "Keys" }).getByText("revoked", { exact: true }).waitFor();
	expect((await api.call("GET", "/models", undefined, bearer(shop))).status).toBe(401);
}, 60_000);

test("the audit log says who changed what, by whom alone, and as a file", async () => {
	await api.call("PUT", "/feeds/shop", {}, bearer(FIRST));
	await api.call("DELETE", "/feeds/nothing", undefined, bearer(FIRST));
	await page.getByRole("link", { name: "Who changed what" }).click();
	const table = page.getByRole("table", { name: "Changes" });
	await table.getByRole("row", { name: /key 1 DELETE \/keys\/:id \/keys\/\S+ 127\.0\.0\.1 done/ }).waitFor();
	await table
		.getByRole("row", { name: /DELETE \/feeds\/:name \/feeds\/nothing 127\.0\.0\.1 refused \(404\)/ })
		.waitFor();
	await table.getByRole("link", { name: "key 1" }).first().click();
	await page.getByText("Only what key 1 did.").waitFor();
	const [download] = await Promise.all([
		page.waitForEvent("download"),
		page.getByRole("button", { name: "CSV", exact: true }).click(),
	]);
	expect(download.suggestedFilename()).toBe("audit.csv");
	expect(readFileSync(await download.path(), "utf8")).toMatch(/,key 1,,POST \/keys,\/keys\/\S+,127\.0\.0\.1,201,1\n/);
	await page.getByRole("button", { name: "Show all" }).click();
	await table.getByRole("link", { name: "/feeds/shop" }).click();
	await page.getByRole("heading", { name: "shop" }).waitFor();
}, 60_000);

test.each([
	["light", {}],
	["dark", { colorScheme: "dark" }],
	["phone", PHONE],
	["phone-dark", { ...PHONE, colorScheme: "dark" }],
] as [string, BrowserContextOptions][])(
	"both pages fit the window: %s",
	async (look, options) => {
		await api.call("POST", "/keys", { name: `for-${look}`, scope: "data", rateLimit: 0 }, bearer(FIRST));
		const tab = await open("/keys?revoked=true", FIRST, options);
		for (const [path, table] of [
			["/keys?revoked=true", "Keys"],
			["/audit", "Changes"],
		]) {
			await tab.goto(`${url}/ui${path}`);
			await tab.getByRole("table", { name: table as string }).waitFor();
			await picture(tab, `${table}-${look}`);
			const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
			expect([path, overflow]).toEqual([path, 0]);
		}
		await tab.context().close();
	},
	60_000,
);
