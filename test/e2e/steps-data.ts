import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PUBLIC_DATASETS } from "../../services/dashboard/src/import-wizard.js";
import { writeDumps } from "../support/exported-files.js";
import { trainerChildren, until } from "../support/processes.js";
import { HOSTILE, type Valence } from "./valence.js";

/** Empty pages, a dataset imported by upload, an import that is cancelled and deleted, a file with a bad row. */
export function dataSteps(valence: Valence) {
	it("serves a page under a strict policy", async () => {
		const policy = (await valence.open("/"))?.headers()["content-security-policy"] ?? "";
		expect(policy).toContain("default-src 'none'");
		expect(policy).not.toContain("unsafe");
	}, 30_000);

	it.each([
		["/experiments", "No experiment yet", "Upload a dataset"],
		["/datasets", "No dataset yet", "Drop a table with a user and an item column"],
		["/users", "Nothing is deployed", "press Deploy"],
		["/deployments", "Nothing is deployed", "press Deploy"],
		["/exports", "Nothing is deployed", "press Deploy"],
		["/experiments/new", "No dataset is ready", "Upload one"],
		["/compare", "Choose runs first", "press Compare"],
		["/comparisons", "No difference was tested yet", "press Test the differences"],
		["/leaderboard", "There is no dataset yet", "Upload one"],
	])(
		"says at %s what to do where there is nothing yet",
		async (path, state, next) => {
			await valence.open(path);
			await valence.page.getByText(state).waitFor();
			await valence.page.getByText(next).waitFor();
		},
		30_000,
	);

	it("imports a dataset by upload, and shows its statistics and histograms", async () => {
		const { page, sample } = valence;
		await valence.open("/datasets");
		await page.locator('input[type="file"]').setInputFiles([join(sample, "sample.inter"), join(sample, "sample.item")]);
		await page.getByText(/sample\.inter \(interactions, .*sample\.item \(items/).waitFor();
		await page.getByRole("table", { name: "Rows of sample.inter" }).getByText("item-0").first().waitFor();
		await page.getByRole("button", { name: "Import", exact: true }).click();
		await page.waitForURL(/\/datasets\/[0-9a-f-]{36}$/);
		// 2,000 users of the sample and the hostile one.
		await page.getByText("2,001", { exact: true }).waitFor({ timeout: 60_000 });
		for (const title of ["Users by number of interactions", "Items by number of interactions"]) {
			await page.getByRole("figure", { name: title }).locator(".recharts-bar-rectangle path").first().waitFor();
		}
	}, 90_000);

	it("launches over HTTP what a later step compares, to train meanwhile", async () => {
		const { items } = await valence.api.get("/datasets", { query: { state: "SUCCEEDED" } });
		const { state } = await valence.api.post("/experiments", {
			body: {
				name: `Other rule ${HOSTILE}`,
				dataset: items[0]?.id as string,
				models: [{ model: "valid", params: { k: 3, epochs: 2, train_batch_size: 256 } }, { model: "popularity" }],
				protocol: { maskTest: "train+valid" },
			},
		});
		expect(state).toBe("QUEUED");
	}, 30_000);

	it("cancels an import that takes too long, and deletes it", async () => {
		const { page, home } = valence;
		const large = join(home, "large.csv");
		const rows = Array.from({ length: 500_000 }, (_, row) => `u${row % 49_999},i${row % 20_011}`);
		writeFileSync(large, `user,item\n${rows.join("\n")}\n`);
		await valence.open("/datasets");
		await page.locator('input[type="file"]').setInputFiles(large);
		await page.getByText("large.csv (interactions").waitFor();
		const importing = until("the import begins", () => trainerChildren(join(home, "artifacts"), "import")[0], 60);
		await page.getByRole("button", { name: "Import", exact: true }).click();
		// However fast it would be, it is not over before it is cancelled.
		process.kill(await importing, "SIGSTOP");
		await page.getByRole("button", { name: "Cancel" }).click({ timeout: 60_000 });
		await page.getByText("cancelled", { exact: true }).waitFor({ timeout: 30_000 });
		await page.getByRole("button", { name: "Delete" }).click();
		await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
		await page.waitForURL(/\/datasets$/);
		await page.getByRole("button", { name: /^sample/ }).waitFor();
		await page.getByRole("button", { name: /^large/ }).waitFor({ state: "detached", timeout: 30_000 });
	}, 120_000);

	it("refuses a wrong rule before sending, and names the line of a bad row", async () => {
		const { page, home } = valence;
		const ratings = join(home, "ratings.csv");
		writeFileSync(ratings, "user,item,stars\nann,x,5\nann,,3\nbob,x,4\n");
		await valence.open("/datasets");
		await page.locator('input[type="file"]').setInputFiles(ratings);
		await page.getByRole("button", { name: "Import rule" }).click();
		await page.getByLabel("Train, valid, test").fill("0.8, 0.1");
		await page.getByRole("status").getByText("three numbers that sum to 1").waitFor();
		expect(await page.getByRole("button", { name: "Import", exact: true }).isDisabled()).toBe(true);
		await page.getByLabel("Train, valid, test").fill("");
		await page.getByLabel("Column of the rating").fill("stars");
		await page.getByRole("button", { name: "Import", exact: true }).click();
		const problems = page.getByRole("table", { name: "Problems" });
		await problems.waitFor({ timeout: 60_000 });
		const cells = problems.getByRole("row").nth(1).getByRole("cell");
		expect(await cells.allTextContents()).toEqual(["ratings.csv", "3", "item", "the id is empty"]);
	}, 90_000);

	it("reads times, splits by them, and says from when to when the dataset is", async () => {
		const { page, home } = valence;
		const visits = join(home, "visits.csv");
		// Every pair once: of one that comes again the latest time stays.
		const itemOf = (row: number) => (Math.floor(row / 20) * 7 + (row % 20)) % 30;
		const lines = Array.from({ length: 400 }, (_, row) => [
			`u${row % 20}`,
			`i${itemOf(row)}`,
			1_767_225_600 + 3600 * row,
		]);
		writeFileSync(visits, `user,item,timestamp\n${lines.join("\n")}\n`);
		await valence.open("/datasets");
		await page.locator('input[type="file"]').setInputFiles(visits);
		const beginning = page.getByRole("table", { name: "Rows of visits.csv" });
		await beginning.getByText("2026-01-01T01:00:00Z").waitFor();
		await beginning.getByRole("button", { name: /timestamp: seconds$/ }).waitFor();
		await page.getByRole("button", { name: "Import rule" }).click();
		await page.getByLabel("Split", { exact: true }).selectOption({ label: "What came last, of all users" });
		await page.getByLabel("Validation and test begin").fill("2026-01-15, 2026-01-10");
		await page.getByRole("status").getByText("two quantiles as").waitFor();
		await page.getByLabel("Validation and test begin").fill("2026-01-10, 2026-01-15");
		await page.getByLabel("Until, without it").fill("2026-01-16");
		await page.getByRole("button", { name: "Import", exact: true }).click();
		await page.waitForURL(/\/datasets\/[0-9a-f-]{36}$/);
		await page.getByText("Times written as").waitFor({ timeout: 60_000 });
		const id = page.url().split("/").at(-1) as string;
		const { statistics, rule } = await valence.api.get("/datasets/{id}", { path: { id } });
		expect(rule).toEqual({ split: { kind: "temporal", at: ["2026-01-10", "2026-01-15"] }, until: "2026-01-16" });
		expect(statistics).toMatchObject({
			outsideWindow: 400 - 15 * 24,
			times: { from: "2026-01-01T00:00:00.000Z", to: "2026-01-15T23:00:00.000Z", form: "seconds" },
		});
		await valence.api.delete("/datasets/{id}", { path: { id } });
	}, 90_000);

	it("says which column is missing, and reads the file anew when one is pressed", async () => {
		const { page, home } = valence;
		const sales = join(home, "sales.csv");
		const clicks = join(home, "clicks.csv");
		writeFileSync(sales, "customer,thing\nann,x\nbob,y\n");
		writeFileSync(clicks, "customer,thing,product\nann,1,x\nbob,2,y\n");
		await valence.open("/datasets");
		await page.locator('input[type="file"]').setInputFiles([sales, clicks]);
		await page.getByText("Press the column of sales.csv that holds the items.").waitFor();
		expect(await page.getByRole("button", { name: "Import", exact: true }).isDisabled()).toBe(true);
		const of = (file: string) => page.getByRole("region", { name: `Beginning of ${file}` });
		await of("sales.csv")
			.getByRole("button", { name: /^thing\s*not used$/ })
			.click();
		await page.getByRole("menuitem", { name: "The item" }).click();
		await of("sales.csv")
			.getByRole("button", { name: /^thing\s*item$/ })
			.waitFor();
		// Said of that file alone.
		for (const column of [/^thing\s*not used$/, /^product\s*item$/])
			expect(await of("clicks.csv").getByRole("button", { name: column }).isVisible()).toBe(true);
		expect(await page.getByRole("button", { name: "Import", exact: true }).isEnabled()).toBe(true);
	}, 60_000);

	it("reads titles out of the interactions, too, when their column is pressed", async () => {
		const { page, home } = valence;
		const orders = join(home, "orders.csv");
		const lines = Array.from({ length: 200 }, (_, n) => `u${n % 20},i${(n * 7 + Math.floor(n / 20)) % 30}`);
		const called = (line: string) => `${line},Thing ${line.split(",i")[1]}`;
		writeFileSync(orders, `customer,sku,label of it\n${lines.map(called).join("\n")}\n`);
		await valence.open("/datasets");
		await page.locator('input[type="file"]').setInputFiles(orders);
		await page.getByRole("button", { name: /^label of it\s*not used$/ }).click();
		await page.getByRole("menuitem", { name: "The title" }).click();
		await page.getByRole("button", { name: /^label of it\s*title$/ }).waitFor();
		await page
			.getByRole("status")
			.getByText(/^orders.csv \(interactions and items, /)
			.waitFor();
		const beginnings = page.getByRole("region", { name: "Beginning of orders.csv" });
		expect(await beginnings.count()).toBe(2);
		await beginnings.nth(1).getByText("titles and tags of items", { exact: true }).waitFor();
		await page.getByRole("button", { name: "Import", exact: true }).click();
		await page.waitForURL(/\/datasets\/[0-9a-f-]{36}$/);
		await page.getByText("Titled items").waitFor({ timeout: 60_000 });
		const id = page.url().split("/").at(-1) as string;
		const { statistics } = await valence.api.get("/datasets/{id}", { path: { id } });
		expect(statistics).toMatchObject({ users: 20, items: 30, titledItems: 30 });
		await valence.api.delete("/datasets/{id}", { path: { id } });
	}, 90_000);

	it("takes of the files of a published dump what its archive is read for, and what somebody takes beside", async () => {
		const { page, home } = valence;
		const { hetrec, steam } = writeDumps(join(home, "dumps"));
		const input = page.locator('input[type="file"]');
		const button = page.getByRole("button", { name: "Import", exact: true });
		await valence.open("/datasets");
		await input.setInputFiles(hetrec);
		await page.getByText(/user_artists\.dat \(interactions, .*user_friends\.dat \(left out/).waitFor();
		await page.getByRole("button", { name: "Take user_friends.dat" }).click();
		await page.getByText("Press the column of user_friends.dat that holds the items.").waitFor();
		expect(await button.isDisabled()).toBe(true);
		await page.getByRole("button", { name: "Take other files" }).click();
		await input.setInputFiles(steam);
		await page.getByText(/games\.csv \(items, .*games_metadata\.json \(items, .*users\.csv \(left out/).waitFor();
		await button.click();
		await page.waitForURL(/\/datasets\/[0-9a-f-]{36}$/);
		await page.getByRole("link", { name: "Train on it" }).waitFor({ timeout: 60_000 });
		const id = page.url().split("/").at(-1) as string;
		const { files, statistics, warnings } = await valence.api.get("/datasets/{id}", { path: { id } });
		expect(files.map(({ name }) => name)).toEqual(["games.csv", "games_metadata.json", "recommendations.csv"]);
		expect([statistics?.titledItems, statistics?.taggedItems]).toEqual([statistics?.items, statistics?.items]);
		expect(warnings.map(({ code }) => code)).toEqual([]);
		await valence.api.delete("/datasets/{id}", { path: { id } });
	}, 90_000);

	it("says what files that go together lack, and keeps them from being sent", async () => {
		const { page, home } = valence;
		const train = join(home, "shop.train.csv");
		writeFileSync(train, "user,item\nann,x\nbob,y\n");
		await valence.open("/datasets");
		await page.locator('input[type="file"]').setInputFiles(train);
		await page.getByText("Test is missing: parts are train and test, and an optional valid.").waitFor();
		expect(await page.getByRole("button", { name: "Import", exact: true }).isDisabled()).toBe(true);
	}, 60_000);

	it("has a sample for who has no file at hand, and says where data sets are", async () => {
		const { page } = valence;
		await valence.open("/datasets");
		await page.getByText("Public datasets to try").click();
		for (const { name, url } of PUBLIC_DATASETS)
			expect(await page.getByRole("link", { name }).getAttribute("href")).toBe(url);
		await page.getByRole("button", { name: "Use the sample" }).click();
		await page.waitForURL(/\/datasets\/[0-9a-f-]{36}$/);
		await page.getByRole("link", { name: "Train on it" }).waitFor({ timeout: 60_000 });
		const id = page.url().split("/").at(-1) as string;
		const dataset = await valence.api.get("/datasets/{id}", { path: { id } });
		expect([dataset.name, dataset.statistics?.users]).toEqual(["sample", 2000]);
		await valence.api.delete("/datasets/{id}", { path: { id } });
	}, 90_000);

	it("says what a file is that it cannot read, and what to do", async () => {
		const { page, home } = valence;
		const file = join(home, "sales.pdf");
		writeFileSync(file, "%PDF-1.7\n%\u00e2\u00e3\n1 0 obj\n");
		await valence.open("/datasets");
		await page.locator('input[type="file"]').setInputFiles(file);
		await page.getByRole("status").getByText(/PDF/).waitFor();
		expect(await page.getByRole("button", { name: "Import", exact: true }).isDisabled()).toBe(true);
	}, 60_000);

	it("imports a failed file again with another rule, hides what failed, and deletes both", async () => {
		const { page, home } = valence;
		const file = join(home, "who.csv");
		const rows = Array.from({ length: 200 }, (_, row) => `w${row % 20},t${(row * 7) % 31}`);
		writeFileSync(file, `who,what\n${rows.join("\n")}\n`);
		// A program need not look at a preview first.
		const interactions = new File([readFileSync(file)], "who.csv");
		const { id } = await valence.api.post("/datasets", { body: { name: "who", interactions } });
		await valence.open(`/datasets/${id}`);
		const panel = page.getByRole("main");
		await panel.getByRole("alert").getByText("no user column is recognised").waitFor({ timeout: 60_000 });
		await panel.getByRole("button", { name: "Import again with another rule" }).click();
		await panel.getByRole("textbox", { name: "Column of the user" }).fill("who");
		await panel.getByLabel("k-core").fill("0");
		await panel.getByText("a whole number from 1 to 1000").waitFor();
		expect(await panel.getByRole("button", { name: "Import again", exact: true }).isDisabled()).toBe(true);
		await panel.getByLabel("k-core").fill("");
		await panel.getByLabel("Column of the item").fill("what");
		await panel.getByRole("button", { name: "Import again", exact: true }).click();
		await panel.getByRole("link", { name: "Train on it" }).waitFor({ timeout: 60_000 });

		// The one with a bad row is still there for a day, but not in the way.
		await valence.open("/datasets");
		await page.getByRole("button", { name: /^who/ }).waitFor();
		expect(await page.getByRole("button", { name: /^ratings/ }).count()).toBe(0);
		await page.getByRole("switch", { name: "Show 1 failed or cancelled import" }).click();
		await page.getByRole("button", { name: /^ratings/ }).click();
		for (const name of ["ratings", "who"]) {
			await page
				.getByRole("region", { name: new RegExp(`^${name}`) })
				.getByRole("button", { name: "Delete" })
				.click();
			await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
			await page.getByRole("button", { name: new RegExp(`^${name}`) }).waitFor({ state: "detached", timeout: 30_000 });
		}
		expect(await page.getByRole("switch", { name: /failed/ }).count()).toBe(0);
	}, 120_000);
}
