// A search from the form to its confirmed winner, by the real system in a real browser.
import { Valence } from "./valence.js";

const valence = new Valence();
beforeAll(() => valence.start(), 180_000);
afterAll(() => valence.stop(), 60_000);

test("a search is launched from the form, followed to its end, read, and its winner is confirmed", async () => {
	const { page } = valence;
	await valence.open("/datasets");
	await page.locator('input[type="file"]').setInputFiles(`${valence.sample}/sample.inter`);
	await page.getByRole("button", { name: "Import", exact: true }).click();
	await page.getByRole("link", { name: "Train on it", exact: true }).waitFor({ timeout: 60_000 });
	const dataset = page.url().split("/").at(-1);

	await valence.open(`/experiments/new?dataset=${dataset}&model=rp3beta`);
	const launch = page.getByRole("button", { name: "Launch" });
	const says = page.locator("#launch-says");
	await page.getByRole("radiogroup", { name: "How RP3beta is trained" }).getByText("Search", { exact: true }).click();
	// Its fields are searched around their defaults; beta has one value here.
	expect(await page.getByLabel("alpha from").inputValue()).toBe("0");
	await page.getByLabel("alpha from").fill("9");
	await says.getByText("alpha of RP3beta must be at most 5 where it begins.").waitFor();
	expect(await launch.isDisabled()).toBe(true);
	await page.getByLabel("alpha from").fill("0.2");
	await page.getByLabel("alpha to").fill("1.5");
	await page.getByRole("checkbox", { name: "Search beta" }).uncheck();
	await page.getByRole("textbox", { name: "beta" }).fill("0.2");
	await page.getByLabel("k: what is tried").selectOption("values");
	await page.getByLabel("k values").fill("10, 50, 100");
	await page.getByLabel("Trials").fill("6");
	await says.getByText("6 runs").waitFor();
	await page
		.getByRole("note")
		.getByText(/^A run takes about \d+\.\d MiB of memory\. How long is not known/)
		.waitFor();
	await launch.click();
	await page.waitForURL(/\/experiments\/[0-9a-f-]{36}$/);

	await page.getByRole("link", { name: /^All trials/ }).click();
	await page.getByRole("heading", { name: "Search of rp3beta" }).waitFor();
	await page.getByText("sample · 6 complete").waitFor({ timeout: 120_000 });
	const trials = page.getByRole("table", { name: "Trials" });
	expect(await trials.getByText("complete", { exact: true }).count()).toBe(6);
	const values = await trials.locator('td[data-label="Validation Recall@20"]').allTextContents();
	const best = [...values].sort().at(-1) as string;
	expect(await trials.locator("b").textContent()).toBe(best);
	await page.getByRole("region", { name: "Best configuration" }).getByText(best).waitFor();
	await page.getByText("It is told from 10 complete trials on; there are 6.").waitFor();

	const plot = page.getByRole("figure", { name: "Parallel coordinates" });
	expect(await plot.locator("polyline").count()).toBe(6);
	const shown = plot.locator("polyline.shown");
	await trials.getByRole("link", { name: "Trial 4" }).focus();
	expect(await shown.getAttribute("data-trial")).toBe("4");
	await plot
		.getByRole("status")
		.getByText(/^Trial 4, complete: .*alpha=/)
		.waitFor();
	// By keyboard: the slider goes through the trials.
	await plot.getByRole("slider", { name: "Trial that is shown" }).press("ArrowRight");
	expect(await shown.getAttribute("data-trial")).toBe("5");

	await page.getByRole("button", { name: "Train the winner with three fresh seeds, and refit it" }).click();
	await page
		.getByRole("dialog")
		.getByRole("button", { name: /^Train the winner/ })
		.click();
	await page.getByRole("heading", { name: /: the winner, fresh seeds$/ }).waitFor({ timeout: 60_000 });
	const runs = page.getByRole("table", { name: "Runs" });
	await runs.getByText("succeeded").first().waitFor({ timeout: 120_000 });

	await page.goBack();
	await page.getByText("Its fresh seeds:").getByRole("link").waitFor();
	await page
		.getByRole("link", { name: /^rp3beta on sample/ })
		.first()
		.click();
	// One trial stands for the search; the others are there when they are asked for.
	await runs.getByRole("row").nth(1).waitFor();
	expect(await runs.getByRole("row").count()).toBe(2);
	await page.getByRole("switch", { name: "Also the 5 other trials of the search" }).click();
	expect(await runs.getByRole("row").count()).toBe(7);
	expect(valence.complaints).toEqual([]);
}, 400_000);
