import { HOSTILE, type Valence } from "./valence.js";

const FEED = "shop";
const USERS = 30;
const PER_USER = 10;

/** A feed from its making to a dataset: rows arrive, an item runs out, somebody is erased. */
export function feedSteps(valence: Valence) {
	it("makes a feed, says how to send to it, and shows what arrives", async () => {
		const { page, api } = valence;
		await valence.open("/feeds");
		await page.getByLabel("Name").fill(FEED);
		await page.getByRole("button", { name: "Make it" }).click();
		await page.waitForURL(/\/feeds\/shop$/);
		await page.getByLabel("With curl").getByText(`/feeds/${FEED}/interactions`).first().waitFor();
		expect(await page.getByRole("button", { name: "Take a snapshot" }).isDisabled()).toBe(true);
		const now = Date.now();
		const rows = Array.from({ length: USERS * PER_USER }, (_, index) => ({
			user: index % USERS === 0 ? HOSTILE : `person-${index % USERS}`,
			item: index % 7 === 0 ? HOSTILE : `thing-${index % 17}`,
			at: now - index * 3_600_000,
		}));
		await api.post("/feeds/{name}/interactions", { path: { name: FEED }, body: rows });
		// Without a reload: it is asked for again while somebody looks.
		await page
			.getByRole("region", { name: "What it holds" })
			.getByText("300", { exact: true })
			.waitFor({ timeout: 20_000 });
		await page
			.getByRole("region", { name: "Interactions a day" })
			.locator(".recharts-bar-rectangle path")
			.first()
			.waitFor();
		await page
			.getByRole("table", { name: "Newest interactions" })
			.getByText("person-1", { exact: true })
			.first()
			.waitFor();
	}, 60_000);

	it("imports a file into the feed: rows that are there already count once", async () => {
		const { page } = valence;
		await valence.open(`/feeds/${FEED}`);
		const rows = ["person-1;thing-1;1767225600", "person-1;thing-1;1767225600", "person-2;thing-2;1767225600"];
		const buffer = Buffer.from(`column 7;item;timestamp\n${rows.join("\n")}\n`);
		await page
			.getByLabel("Files for the feed", { exact: true })
			.setInputFiles({ name: "sales.csv", mimeType: "text/csv", buffer });
		await page.getByText("Press the column of sales.csv that holds the users.").waitFor();
		await page
			.getByRole("table", { name: "Rows of sales.csv" })
			.getByRole("button", { name: /^column 7/ })
			.click();
		await page.getByRole("menuitem", { name: "The user", exact: true }).click();
		await page.getByRole("button", { name: "Import into the feed" }).click();
		const line = page.getByRole("table", { name: "Imports of files" }).getByRole("row", { name: /sales\.csv/ });
		await line.getByText("succeeded").waitFor({ timeout: 60_000 });
		await page
			.getByRole("region", { name: "What it holds" })
			.getByText("302", { exact: true })
			.waitFor({ timeout: 20_000 });
	}, 90_000);

	it("takes an item out of what can be had", async () => {
		const { page, api } = valence;
		await valence.open(`/feeds/${FEED}`);
		await page.getByLabel("Find an item by the whole id").fill("thing-3");
		const available = page.getByRole("switch", { name: "thing-3 is available" });
		await available.click({ force: true });
		await page.getByRole("switch", { name: "thing-3 is available", checked: false }).waitFor({ state: "attached" });
		const { items } = await api.get("/feeds/{name}/items", { path: { name: FEED }, query: { available: false } });
		expect(items.map(({ id }) => id)).toEqual(["thing-3"]);
	}, 60_000);

	it("takes a snapshot by a rule, which is a dataset that says what it is of", async () => {
		const { page } = valence;
		await valence.open(`/feeds/${FEED}`);
		await page.getByRole("button", { name: "Take a snapshot" }).click();
		const dialog = page.getByRole("dialog");
		await dialog.getByLabel("Split", { exact: true }).selectOption({ label: "What came last, of all users" });
		await dialog.getByLabel("Validation and test begin").fill("0.5, 2");
		expect(await dialog.getByRole("button", { name: "Take it" }).isDisabled()).toBe(true);
		await dialog.getByLabel("Validation and test begin").fill("0.5, 0.75");
		await dialog.getByRole("button", { name: "Take it" }).click();
		await page.waitForURL(/\/datasets\/[0-9a-f-]{36}$/);
		await page.getByText(/Snapshot of the feed shop as it was on .*, 302 rows/).waitFor();
		await page.getByText("Users by number of interactions").waitFor({ timeout: 60_000 });
		await page.getByText("What came last, of all users").waitFor();
	}, 90_000);

	it("erases a person once that is confirmed, and names the snapshot that still holds them", async () => {
		const { page, api } = valence;
		await valence.open(`/feeds/${FEED}`);
		await page.getByLabel("Find a user by the whole id").fill("person-7");
		await page.getByRole("button", { name: "Erase person-7" }).click();
		await page.getByRole("dialog").getByText("Erase person-7 with 10 interactions?").waitFor();
		await page
			.getByRole("dialog")
			.getByText(/Its snapshot shop .* holds whoever was in the feed then/)
			.waitFor();
		await page.getByRole("dialog").getByRole("button", { name: "Erase" }).click();
		const told = page.getByRole("status").filter({ hasText: "Erased with 10 interactions" });
		await told.getByRole("link", { name: /^shop / }).waitFor();
		expect((await api.get("/feeds/{name}", { path: { name: FEED } })).users).toBe(USERS - 1);
	}, 60_000);
}
