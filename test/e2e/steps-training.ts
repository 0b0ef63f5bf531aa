import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { excelCsv, movieLensZip, pandasCsv } from "../support/exported-files.js";
import { HOSTILE, type Valence } from "./valence.js";

/** From the form to results: wrong values, the keyboard, moving curves, cancelling, comparing. */
export function trainingSteps(valence: Valence) {
	it("shows a wrong value before anything is sent", async () => {
		const { page } = valence;
		await valence.open("/experiments/new?model=valid");
		const launch = page.getByRole("button", { name: "Launch" });
		expect(await launch.isEnabled()).toBe(true);
		await page.getByText(/^\d+ more fields$/).click();
		await page.getByLabel("tau_dec").fill("0");
		await page.getByText("must be at least").first().waitFor();
		expect(await launch.isDisabled()).toBe(true);
		// Beside the button, for who sees only that.
		await page.getByRole("status").getByText("tau_dec of VALID must be at least 0.03.").waitFor();
	}, 30_000);

	it("launches from the form, moves the curves while it trains, and cancels", async () => {
		const { page } = valence;
		await valence.open("/experiments/new?model=valid");
		await page.getByText(/^\d+ more fields$/).click();
		const values = { k: "2", epochs: "1000", patience: "1000", learning_rate: "0.005", train_batch_size: "256" };
		for (const [field, value] of Object.entries(values)) await page.getByLabel(field, { exact: true }).fill(value);
		await page.getByRole("button", { name: "Launch" }).click();
		await page.waitForURL(/\/experiments\/[0-9a-f-]{36}$/);
		for (const title of ["Training loss", "Validation Recall@20"]) {
			const curve = page.getByRole("figure", { name: title }).locator(".recharts-line-curve");
			await curve.waitFor({ timeout: 60_000 });
			const points = async () => ((await curve.getAttribute("d")) ?? "").split("L").length;
			const early = await points();
			for (const until = Date.now() + 30_000; (await points()) <= early + 1 && Date.now() < until; ) {
				await page.waitForTimeout(200);
			}
			expect(await points()).toBeGreaterThan(early + 1);
		}
		await page.getByRole("button", { name: "Cancel" }).click();
		await page.getByRole("table", { name: "Runs" }).getByText("cancelled").waitFor({ timeout: 30_000 });
	}, 150_000);

	it("launches by keyboard alone: finds a model by searching, tabs to Launch, and sees that a model without chance ran once", async () => {
		const { page } = valence;
		await valence.open("/experiments/new");
		const model = page.getByRole("combobox", { name: "Model", exact: true });
		await model.waitFor();
		await page.keyboard.press("Tab");
		expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to content");
		await page.keyboard.press("Enter");
		const isFocused = (element: typeof model) => element.evaluate((node) => node === document.activeElement);
		const tabTo = async (element: typeof model) => {
			for (let presses = 0; presses < 60 && !(await isFocused(element)); presses++) await page.keyboard.press("Tab");
			expect(await isFocused(element)).toBe(true);
		};
		await tabTo(page.getByRole("combobox", { name: "Seeds" }));
		await page.keyboard.type("2");
		await page.keyboard.press("Enter");
		await tabTo(model);
		await page.keyboard.press("Control+a");
		await page.keyboard.type("popul");
		await page.getByRole("listbox").getByRole("option").first().waitFor();
		expect(await page.getByRole("listbox").getByRole("option").allTextContents()).toEqual([
			expect.stringMatching(/^Popularity/),
		]);
		await page.keyboard.press("ArrowDown");
		await page.keyboard.press("Enter");
		await page.getByText("There is nothing to choose.").waitFor();
		await tabTo(page.getByRole("button", { name: "Launch" }));
		await page.keyboard.press("Enter");
		await page.waitForURL(/\/experiments\/[0-9a-f-]{36}$/);
		await page.getByRole("button", { name: "Delete" }).waitFor({ timeout: 60_000 });
		const results = page.getByRole("table", { name: "Results" });
		// Of two seeds one: a model without chance runs once.
		await results.getByText("1 seed", { exact: true }).waitFor();
		await results
			.getByText(/^0\.\d{4}$/)
			.first()
			.waitFor();
	}, 120_000);

	it("sorts the results by any column", async () => {
		const { page } = valence;
		await valence.open("/experiments");
		await page.getByRole("link", { name: "Other rule" }).click();
		await page.getByRole("heading", { name: HOSTILE }).waitFor();
		await page.getByRole("button", { name: "Delete" }).waitFor({ timeout: 90_000 });
		const results = page.getByRole("table", { name: "Results" });
		const column = async () => {
			const texts = await results.locator('td[data-label="Test Recall@20"]').allTextContents();
			expect(texts).toHaveLength(2);
			for (const text of texts) expect(text).toMatch(/^0\.\d{4}$/);
			return texts.map(Number);
		};
		const descending = await column();
		expect(descending[0]).toBeGreaterThan(descending[1] as number);
		await results.getByRole("button", { name: "Test Recall@20" }).click();
		expect(await column()).toEqual([...descending].reverse());
	}, 150_000);

	it("compares runs of two experiments, marks what differs and warns of two protocols", async () => {
		const { page } = valence;
		await valence.open("/compare");
		for (const [experiment, run] of [
			["Other rule", "valid seed 1"],
			["valid on", "valid seed 1"],
		] as const) {
			await page.getByRole("combobox", { name: "Experiment", exact: true }).click();
			await page.getByRole("option", { name: experiment }).click();
			await page.getByRole("combobox", { name: "Its runs", exact: true }).click();
			await page.getByRole("option", { name: run }).click();
			await page.keyboard.press("Escape");
		}
		await page.getByText("These numbers do not compare").waitFor();
		const curves = page.getByRole("figure", { name: "Training loss" }).locator(".recharts-line-curve");
		await curves.nth(1).waitFor();
		await page.getByRole("row", { name: /^k ≠ 3 2$/ }).waitFor();
		expect(await page.getByRole("row", { name: /^tau 0.1 0.1$/ }).count()).toBe(0);
		await page.getByRole("switch", { name: "Also what is the same" }).click();
		await page.getByRole("row", { name: /^tau 0.1 0.1$/ }).waitFor();
		await page.getByRole("button", { name: /^Take .*k=3.* out$/ }).click();
		await page.getByText("These numbers do not compare").waitFor({ state: "detached" });
	}, 60_000);

	it("comes from the published MovieLens zip to recommendations in five clicks", async () => {
		const { page, home } = valence;
		let clicks = 0;
		const press = async (role: "button" | "link", name: string) => {
			clicks++;
			await page.getByRole(role, { name, exact: true }).click({ timeout: 120_000 });
		};
		await valence.open("/datasets");
		clicks++;
		await page.locator('input[type="file"]').setInputFiles(movieLensZip(home, 40));
		await press("button", "Import");
		// Until then the details are those of another dataset.
		await page.getByRole("heading", { name: "ml-latest-small", exact: true }).waitFor({ timeout: 60_000 });
		await press("link", "Train on it");
		await press("button", "Launch");
		await press("button", "Deploy the best run");
		await page.getByRole("heading", { name: /^Recommended to \d+$/ }).waitFor({ timeout: 60_000 });
		await page
			.getByText(/^Movie, The \d+ \(1999\)$/)
			.first()
			.waitFor();
		expect(clicks).toBeLessThanOrEqual(5);
		await forget("ml-latest-small");
	}, 240_000);

	it.each([
		["pandas", pandasCsv],
		["a German Excel", excelCsv],
	])(
		"comes to recommendations from what %s writes",
		async (_, write) => {
			const { page, home } = valence;
			const file = write(home, 40);
			const name = basename(file, ".csv");
			await valence.open("/datasets");
			await page.locator('input[type="file"]').setInputFiles(file);
			await page.getByRole("button", { name: "Import", exact: true }).click();
			await page.getByRole("heading", { name, exact: true }).waitFor({ timeout: 60_000 });
			await page.getByRole("link", { name: "Train on it", exact: true }).waitFor({ timeout: 60_000 });
			const id = page.url().split("/").at(-1) as string;
			const { statistics } = await valence.api.get("/datasets/{id}", { path: { id } });
			expect(statistics).toMatchObject({ users: 40, times: { from: "2017-07-14T02:41:00.000Z", unknown: 0 } });
			await valence.open(`/experiments/new?dataset=${id}&model=popularity`);
			await page.getByRole("button", { name: "Launch" }).click();
			await page.getByRole("button", { name: "Deploy the best run" }).click({ timeout: 60_000 });
			await page.getByRole("heading", { name: /^Recommended to \d+$/ }).waitFor({ timeout: 60_000 });
			await forget(name);
		},
		120_000,
	);

	/** The steps that follow are about the sample; no page asks for what is deleted. */
	async function forget(name: string): Promise<void> {
		await valence.open("/models");
		await valence.api.delete("/deployments/{name}", { path: { name: "default" } });
		const { items } = await valence.api.get("/datasets");
		const made = items.find((dataset) => dataset.name === name);
		await valence.api.delete("/datasets/{id}", { path: { id: made?.id as string }, query: { withExperiments: true } });
	}

	it("takes the results along as CSV, Markdown and LaTeX", async () => {
		const { page } = valence;
		await valence.open("/experiments");
		await page.getByRole("link", { name: "Other rule" }).click();
		const take = async (format: string) => {
			await page.getByRole("button", { name: `Copy or download: Results of Other rule ${HOSTILE}` }).click();
			const [file] = await Promise.all([
				page.waitForEvent("download"),
				page.getByRole("menuitem", { name: `Download ${format}` }).click(),
			]);
			return readFileSync(await file.path(), "utf8");
		};
		const [header, ...rows] = (await take("CSV")).trimEnd().split("\r\n");
		expect(header).toMatch(/^Model,Seeds in,Seeds,Test Recall@20,Test Recall@20 deviation,/);
		expect(rows.map((row) => row.split(",")[0]).sort()).toEqual(["popularity", "valid"]);
		for (const row of rows)
			expect(row.split(",").slice(1, 4)).toEqual(["1", "1", expect.stringMatching(/^0\.\d{5,}$/)]);
		expect(await take("Markdown")).toMatch(/^\| Model \| Seeds \| Test Recall@20 \|/);
		expect(await take("LaTeX")).toContain("\\begin{tabular}{lr");
	}, 60_000);
}
