import { writeFileSync } from "node:fs";
import { join } from "node:path";
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
		["/datasets", "No dataset yet", "Drop a CSV or RecBole file"],
		["/users", "Nothing is deployed", "press Deploy"],
		["/deployments", "Nothing is deployed", "press Deploy"],
		["/experiments/new", "No dataset is ready", "Upload one"],
		["/compare", "Choose runs first", "press Compare"],
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
		await page.locator('input[type="file"]').first().setInputFiles(join(sample, "sample.inter"));
		await page.getByText("sample.inter (interactions").waitFor();
		await page.getByRole("button", { name: "Upload", exact: true }).click();
		// 2,000 users of the sample and the hostile one.
		await page.getByText("2,001", { exact: true }).waitFor({ timeout: 60_000 });
		for (const title of ["Users by number of interactions", "Items by number of interactions"]) {
			await page.getByRole("figure", { name: title }).locator(".recharts-bar-rectangle path").first().waitFor();
		}
	}, 90_000);

	it("launches over HTTP what a later step compares, to train meanwhile", async () => {
		const { items } = await valence.ask<{ items: { id: string }[] }>("/datasets?state=SUCCEEDED");
		const { state } = await valence.ask<{ state: string }>("/experiments", {
			name: `Other rule ${HOSTILE}`,
			dataset: items[0]?.id,
			models: [{ model: "valid", params: { k: 3, epochs: 2, train_batch_size: 256 } }, { model: "popularity" }],
			protocol: { maskTest: "train+valid" },
		});
		expect(state).toBe("QUEUED");
	}, 30_000);

	it("cancels an import that takes too long, and deletes it", async () => {
		const { page, home } = valence;
		const large = join(home, "large.csv");
		const rows = Array.from({ length: 2_000_000 }, (_, row) => `u${row % 49_999},i${row % 20_011}`);
		writeFileSync(large, `user,item\n${rows.join("\n")}\n`);
		await valence.open("/datasets");
		await page.locator('input[type="file"]').first().setInputFiles(large);
		await page.getByText("large.csv (interactions").waitFor();
		await page.getByRole("button", { name: "Upload", exact: true }).click();
		await page.getByRole("button", { name: "Cancel" }).click({ timeout: 60_000 });
		await page
			.getByRole("button", { name: /^large/ })
			.getByText("cancelled")
			.waitFor({ timeout: 30_000 });
		await page.getByRole("button", { name: "Delete" }).click();
		await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
		await page.getByRole("button", { name: /^large/ }).waitFor({ state: "detached", timeout: 30_000 });
	}, 120_000);

	it("refuses a wrong rule before sending, and names the line of a bad row", async () => {
		const { page, home } = valence;
		const ratings = join(home, "ratings.csv");
		writeFileSync(ratings, "user,item,stars\nann,x,5\nann,,3\nbob,x,4\n");
		await valence.open("/datasets");
		await page.locator('input[type="file"]').first().setInputFiles(ratings);
		await page.getByRole("button", { name: "Import rule" }).click();
		await page.getByLabel("Train, valid, test").fill("0.8, 0.1");
		await page.getByText("three numbers that sum to 1").waitFor();
		expect(await page.getByRole("button", { name: "Upload", exact: true }).isDisabled()).toBe(true);
		await page.getByLabel("Train, valid, test").fill("");
		await page.getByLabel("Column of the rating").fill("stars");
		await page.getByRole("button", { name: "Upload", exact: true }).click();
		const problems = page.getByRole("table", { name: "Problems" });
		await problems.waitFor({ timeout: 60_000 });
		const cells = problems.getByRole("row").nth(1).getByRole("cell");
		expect(await cells.allTextContents()).toEqual(["ratings.csv", "3", "item", "the id is empty"]);
	}, 90_000);
}
