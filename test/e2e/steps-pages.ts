import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { Comparison, Experiment } from "@valence/client";
import type { BrowserContextOptions, Page } from "playwright-core";
import { manyModels } from "./many-models.js";
import { runWithInterests } from "./steps-interests.js";
import type { Valence } from "./valence.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Look extends BrowserContextOptions {
	/** Those of axe that apply; all unless given. */
	rules?: string[];
}

const LOOKS: Look[] = [
	{ colorScheme: "light", viewport: { width: 1280, height: 844 } },
	// The same elements as in light: only their contrast is new.
	{ colorScheme: "dark", viewport: { width: 1280, height: 844 }, rules: ["color-contrast"] },
	{ colorScheme: "light", viewport: { width: 375, height: 844 } },
];

interface Violation {
	id: string;
	impact: string;
	nodes: { html: string }[];
}

/** Every page in light, in dark and on a phone: fits, readable, named, quiet; with a catalogue of many models too. */
export function pageSteps(valence: Valence) {
	it("every page fits, has names and contrast, and breaks neither the policy nor the log", async () => {
		const { items } = await valence.api.get("/experiments");
		const datasets = await valence.api.get("/datasets", { query: { state: "SUCCEEDED" } });
		const { items: comparisons } = await valence.api.get("/comparisons");
		const { items: refreshes } = await valence.api.get("/deployments/{name}/refreshes", { path: { name: "renewed" } });
		const { run } = await runWithInterests(valence);
		const interests = `/runs/${run}/users/user-0042`;
		// At once: loading waits for little that another page could not use.
		await Promise.all(
			LOOKS.map(async ({ rules, ...look }) => {
				const page = await valence.newPage(look);
				for (const [path, shown] of pathsOf(items, datasets.items[0]?.id, refreshes[0]?.id, comparisons[0]))
					await check(valence, page, path, shown, rules);
				await check(valence, page, interests, "Top items", rules);
				await checkMany(valence, page, (items[0] as Experiment).id);
				await page.close();
			}),
		);
		expect(valence.complaints).toEqual([]);
	}, 180_000);
}

/** Pages, each with what is shown once all of it is there. */
function pathsOf(
	experiments: Experiment[],
	dataset: string | undefined,
	refresh: string | undefined,
	comparison: Comparison | undefined,
): [path: string, shown: string][] {
	const runs = experiments.flatMap(({ best }) => best?.runId ?? []);
	return [
		["/experiments", "Best validation"],
		["/experiments/new", "Launch"],
		[`/experiments/${experiments[0]?.id}`, "Results"],
		[`/runs/${runs[0]}`, "Evaluate"],
		[`/compare?runs=${runs.join(",")}`, "These numbers do not compare"],
		["/comparisons", "Asked for"],
		[`/comparisons/${comparison?.id}`, "How to read this"],
		[`/comparisons/${comparison?.id}/lists?${listsOf(comparison)}`, "that the test asks for"],
		[`/leaderboard?dataset=${comparison?.dataset.id}&protocol=${comparison?.protocol.hash}`, "Joined: no other"],
		["/datasets", "Train on it"],
		[`/datasets/${dataset}`, "Train on it"],
		["/feeds", "New feed"],
		["/feeds/shop", "How to send interactions"],
		["/users", "Random user"],
		["/users/user-0042", "History"],
		["/users/user-0042?weights=0-2&shelves=true", "come in"],
		["/users?view=new&with=item-0001", "Recommended"],
		["/users?view=items", "Interactions"],
		["/users?view=items&item=item-0001", "Like it"],
		["/deployments", "Memory of lists"],
		[`/refreshes/${refresh}`, "The candidate needs"],
		["/exports", "New export"],
		["/models", "Train VALID"],
		["/storage", "in use"],
	];
}

const listsOf = (comparison: Comparison | undefined) => {
	const [run, against] = (comparison?.groups ?? []).map(({ runs }) => runs[0]?.id ?? "");
	return new URLSearchParams({ user: "user-0042", run: run ?? "", against: against ?? "" });
};

async function checkMany(valence: Valence, page: Page, experiment: string): Promise<void> {
	await manyModels(page, experiment, async () => {
		await check(valence, page, `/experiments/${experiment}`, "model-22-of-many");
		expect(await page.getByRole("table", { name: "Results" }).getByRole("row").count()).toBe(23);
		await valence.open("/experiments/new", page);
		await page.getByRole("combobox", { name: "Model", exact: true }).fill("graph");
		await page.getByRole("listbox").getByRole("option").first().waitFor();
		expect(await page.getByRole("listbox").getByRole("option").allTextContents()).toHaveLength(4);
	});
}

async function check(valence: Valence, page: Page, path: string, shown: string, rules?: string[]): Promise<void> {
	await valence.open(path, page);
	await page.getByText(shown).first().waitFor({ state: "attached" });
	await page.getByRole("status", { name: "Loading" }).first().waitFor({ state: "detached" });
	const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
	const images = await page.locator('img[src="x"]').count();
	await page.evaluate(AXE);
	const { violations } = await page.evaluate<{ violations: Violation[] }>(
		`axe.run(document, ${JSON.stringify({ resultTypes: ["violations"], ...(rules && { runOnly: rules }) })})`,
	);
	const found = violations.map(({ id, impact, nodes }) => [id, impact, nodes.map(({ html }) => html)]);
	const where = [path, page.viewportSize()?.width];
	expect([...where, { overflow, images, found }]).toEqual([...where, { overflow: 0, images: 0, found: [] }]);
}
