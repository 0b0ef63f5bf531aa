import { readFileSync } from "node:fs";
import type { Valence } from "./valence.js";

/** From an experiment that has ended to a tested difference, single users and the leaderboard. */
export function comparingSteps(valence: Valence) {
	it("tests the differences of an experiment, says what was found, and marks its results", async () => {
		const { page } = valence;
		await valence.open("/experiments");
		await page.getByRole("link", { name: "Other rule" }).click();
		await page.getByRole("button", { name: "Test the differences" }).click();
		await page.waitForURL(/\/comparisons\/[0-9a-f-]{36}$/);
		const said = page.getByRole("list", { name: "What was found" });
		await said.getByText(/popularity.* in Recall@20/).waitFor({ timeout: 60_000 });
		await page.getByText(/has one seed: what is shown is of these runs/).waitFor();
		await page.getByRole("figure", { name: "Users by difference in Recall@20" }).waitFor();
		// Of this band everything is within.
		await page.getByLabel("Practically equal within").fill("100");
		await said.getByText("practically equal").waitFor();
		await page.getByText(/after Holm over \d+ tests: 1 pair × \d+ metrics/).waitFor();

		await valence.open("/experiments");
		await page.getByRole("link", { name: "Other rule" }).click();
		const cells = page.getByRole("table", { name: "Results" }).locator('td[data-label="Test Recall@20"]');
		await cells
			.getByText(/^\[0\.\d{4}, 0\.\d{4}\]$/)
			.first()
			.waitFor();
		await page.getByText("intervals of 95 %, from").waitFor();
	}, 120_000);

	it("shows both lists of a user who won, with the history, and which items the test asked for", async () => {
		const { page } = valence;
		await warm(valence);
		await valence.open("/comparisons");
		await page.getByRole("table", { name: "Comparisons" }).getByRole("link").first().click();
		const won = page.getByRole("table", { name: /^Users who gain most with / }).first();
		await won.getByRole("link").first().click();
		await page.waitForURL(/\/lists\?/);
		await page
			.getByText(/^Of \d+ items? that the test asks for \d+ (is|are) in the list of /)
			.waitFor({ timeout: 30_000 });
		for (const name of ["valid", "popularity"]) {
			await page
				.getByRole("table", { name: `List of ${name}` })
				.getByRole("row")
				.nth(20)
				.waitFor();
		}
		await page.getByText("asked for", { exact: true }).first().waitFor();
		const history = page.getByRole("table", { name: "History" });
		await history.getByText("held back for test").first().waitFor();
		await history.getByText("learnt from").first().waitFor();
	}, 60_000);

	it("lists configurations across experiments, tests those that are chosen against one, and takes the marks along", async () => {
		const { page } = valence;
		const { items } = await valence.api.get("/comparisons");
		const of = items[0];
		await valence.open(`/leaderboard?dataset=${of?.dataset.id}&protocol=${of?.protocol.hash}`);
		for (const name of ["valid", "popularity"]) await page.getByRole("checkbox", { name }).first().check();
		await page
			.getByRole("figure", { name: /^Recall@20 against / })
			.locator(".recharts-scatter-symbol")
			.nth(1)
			.waitFor();
		await page.getByRole("combobox", { name: "Compare" }).click();
		await page.getByRole("option", { name: "with popularity" }).click();
		await page.getByRole("button", { name: "Test the differences" }).click();
		await page.waitForURL(/\/comparisons\/[0-9a-f-]{36}$/);
		await page.getByText("★ better than popularity after correction").waitFor({ timeout: 60_000 });
		await page.goBack();
		await page.getByText("★ better than popularity after correction").waitFor();
		await page.getByRole("button", { name: /^Copy or download: Leaderboard of / }).click();
		const [file] = await Promise.all([
			page.waitForEvent("download"),
			page.getByRole("menuitem", { name: "Download CSV" }).click(),
		]);
		const [header = ""] = readFileSync(await file.path(), "utf8").split("\r\n");
		expect(header).toContain("Test Recall@20 low,Test Recall@20 high,Test Recall@20 star");
	}, 120_000);
}

/** Loading a checkpoint may take longer than a call may, where much else is done; a browser would complain of the first one. */
async function warm({ api }: Valence): Promise<void> {
	const [comparison] = (await api.get("/comparisons")).items;
	for (const { runs } of comparison?.groups ?? []) {
		const { items } = await api.get("/checkpoints", { query: { run: runs[0]?.id as string } });
		const query = { checkpoint: items.find(({ isBest }) => isBest)?.id as string };
		const ask = () => api.get("/users/{id}/history", { path: { id: "user-0042" }, query });
		await ask().catch(ask).catch(ask);
	}
}
