// Every recipe and setting fits the models as the trainer describes them; a wrong one is named.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Model } from "@valence/client";
import { Ajv2020 } from "ajv/dist/2020.js";
import { checkMetrics, combinations, plan, selectRows, wants } from "../../services/cli/src/paper/plan.js";
import {
	type Effort,
	parseRecipe,
	parseSetting,
	readRecipe,
	readSettings,
} from "../../services/cli/src/paper/recipe.js";
import { recipeNames } from "../../services/cli/src/paper/recipe-names.js";
import { PYTHON, RECIPES, TRAINER } from "../../services/supervisor/src/paths.js";

const CATALOGUE = `import json
from trainer import registry
print(json.dumps([{"name": m.name, "title": m.title, "capabilities": sorted(m.capabilities), "configSchema": m.config_class.model_json_schema()} for m in registry.catalogue().values()]))`;
const models: Model[] = JSON.parse(execFileSync(PYTHON, ["-c", CATALOGUE], { cwd: TRAINER, encoding: "utf8" }));
const datasets = readdirSync(RECIPES, { withFileTypes: true })
	.filter((entry) => entry.isDirectory() && entry.name !== "paper")
	.map((entry) => entry.name);

const SEARCHED: Effort = { kind: "searched", trials: 24 };
const ajv = new Ajv2020({ strict: false, strictNumbers: true });
function problemsOf(model: string, config: object): string {
	const schema = models.find((one) => one.name === model)?.configSchema;
	return !schema ? `no model ${model}` : ajv.validate(schema, config) ? "" : ajv.errorsText();
}

it("checks what it reads: a value out of range and a model that is not there are seen", () => {
	expect(problemsOf("valid", { tau: -1 })).toContain("tau");
	expect(problemsOf("nothing", {})).toContain("nothing");
});

describe.each(["sample", ...datasets])("on %s", (dataset) => {
	const settings = readSettings(dataset);
	it.each(recipeNames())("%s asks for configurations that the models accept", (name) => {
		const recipe = readRecipe(name);
		const rows = plan(recipe, settings, models);
		expect(rows).toHaveLength(recipe.rows.length);
		for (const { model, points } of rows) {
			expect(points.length).toBeGreaterThan(0);
			expect(points.map(({ config }) => problemsOf(model, config))).toEqual(points.map(() => ""));
		}
	});

	it("has a setting of every model that Table 2 shows, and of none that no recipe shows; of the sample none at all", () => {
		const shownBy = (names: string[]) => names.flatMap((name) => readRecipe(name).rows.map((row) => row.model));
		const known = [...settings.keys()];
		expect(known).toEqual(expect.arrayContaining(dataset === "sample" ? [] : shownBy(["table2"])));
		expect(dataset === "sample" ? [] : shownBy(recipeNames())).toEqual(expect.arrayContaining(known));
	});
});

it("takes the paper's setting of the dataset, then the row's own fields, then the grid", () => {
	const figure = plan(readRecipe("figure2"), readSettings("gowalla"), models)[0];
	expect(figure?.points[1]).toMatchObject({
		chosen: { k: 2 },
		params: { k: 2, r: 2, tau_dec: 0.08 },
		config: { k: 2, tau_dec: 0.08, learning_rate: 0.001 },
	});
	const dpcml = {
		...readRecipe("table2"),
		rows: [{ model: "dpcml", label: null, setting: null, params: { k: 4 }, grid: {}, against: null }],
	};
	expect(
		plan(dpcml, new Map([["dpcml", { source: "x", setting: SEARCHED, params: { k: 2, margin: 2 } }]]), models)[0],
	).toMatchObject({
		label: "DPCML",
		source: "x",
		points: [{ params: { k: 4, margin: 2 } }],
	});
});

it("knows how much went into a row: its own word, else its grid, else the dataset's setting, else the defaults", () => {
	const efforts = (name: string, dataset: string) =>
		Object.fromEntries(
			plan(readRecipe(name), readSettings(dataset), models).map(({ label, setting }) => [label, setting]),
		);
	const none = (kind: Effort["kind"]) => ({ kind, trials: null });
	expect(efforts("table2", "citeulike-a")).toMatchObject({
		VALID: none("published"),
		RP3beta: { kind: "searched", trials: 8 },
		LightGCN: none("default"),
	});
	expect(new Set(Object.values(efforts("table2", "sample")).map(({ kind }) => kind))).toEqual(new Set(["default"]));
	expect(efforts("table5", "gowalla")).toMatchObject({
		without: none("published"),
		CoDA: { kind: "searched", trials: 5 },
	});
	expect(efforts("twenty-epochs", "gowalla")).toMatchObject({
		VALID: none("default"),
		EASE: { kind: "searched", trials: 2 },
	});
	expect(efforts("prototypes", "citeulike-a")).toMatchObject({
		"one block (MacridVAE), learned": none("published"),
		"one block (MacridVAE), frozen": none("default"),
	});
	expect(efforts("figure2", "gowalla")).toMatchObject({ VALID: none("published") });
	expect(efforts("moonshot", "citeulike-a")).toMatchObject({ "K 1, width 512": none("searched") });
});

it("names models that the service lacks with those it has, and every field that is not there", () => {
	const table = readRecipe("table2");
	const two = models.filter(({ name }) => ["valid", "ease"].includes(name));
	expect(() => plan(table, new Map(), two)).toThrow(
		/does not know macridvae, .*popularity; it knows (ease, valid|valid, ease)/,
	);
	expect(plan(selectRows(table, ["ease"]), new Map(), two)).toHaveLength(1);
	expect(() => selectRows(table, ["ease", "foo"])).toThrow("table2 has no foo; it has valid, macridvae");
	const wrong = { source: "x", setting: SEARCHED, params: { constructor: 1, depth: 2 } };
	expect(() => plan(table, new Map([["ease", wrong]]), models)).toThrow(
		/ease has no field constructor.*\nease has no field depth/,
	);
});

it("makes every combination of a grid, and shares a run that two rows need", () => {
	expect(combinations({ a: [1, 2], b: ["x"] })).toEqual([
		{ a: 1, b: "x" },
		{ a: 2, b: "x" },
	]);
	expect(combinations({})).toEqual([{}]);
	const figure = wants(plan({ ...readRecipe("figure3"), seeds: [1] }, new Map(), models));
	expect(figure[1]?.name).toBe("VALID with ID r 3 seed 1");
	const row = { model: "valid", label: null, setting: null, params: {}, grid: {}, against: null };
	const twice = { ...readRecipe("table2"), rows: [row, { ...row, label: "again", params: { k: 4 } }] };
	expect(wants(plan({ ...twice, seeds: [1, 2] }, new Map(), models)).map((want) => want.seed)).toEqual([1, 2]);
});

it("asks for a closed form with one seed", () => {
	const two = { ...selectRows(readRecipe("table2"), ["ease", "valid"]), seeds: [3, 4] };
	const asked = wants(plan(two, new Map(), models)).map(({ name }) => name);
	expect(asked).toEqual(["VALID seed 3", "VALID seed 4", "EASE seed 3"]);
});

const GOOD = "title: T\nseeds: [1]\nprotocol: {maskTest: train, cutoffs: [20]}\nmetrics: [test.recall@20]\n";
it.each([
	["layout: table\nrows: [{model: ease, parms: {}}]", "recipe x, row 1: parms is not known"],
	["layout: table\nrows: []", "recipe x: rows must be a list"],
	["layout: chart\nrows: [{model: ease}]", "recipe x, layout must have"],
	["layout: {series: k}\nrows: [{model: ease}]", "recipe x: a row of ease must have a grid of k alone"],
	["layout: table\nrows: [{model: ease, grid: {k: 3}}]", "recipe x, row 1: grid.k must be a list"],
	["layout: table\nrows: [{model: ease, params: {k: 3}, grid: {k: [3]}}]", "k is both in params and in grid"],
	["layout: table\nrows: [{model: ease}]\nseed: 3", "recipe x: seed is not known"],
	["layout: table\nrows: [{model: ease, setting: {kind: tuned}}]", "recipe x, row 1, setting: kind must be published"],
	["layout: table\nrows: [{model: ease, setting: {kind: searched}, grid: {k: [3]}}]", "row 1: a row with a grid is"],
	["layout: table\nrows: [{model: ease, setting: dataset, grid: {k: [3]}}]", "row 1: a row with a grid is"],
	["layout: table\nrows: [{model: ease, setting: data, params: {k: 3}}]", "recipe x, row 1, setting must have"],
	[
		"layout: table\nrows: [{model: ease, params: {k: 3}}]",
		"recipe x, row 1: a row with params needs a setting: {kind: published | searched | default}, or dataset",
	],
	["layout: table\nrows: [{model: ease, against: 3}]", "recipe x, row 1: against must be the label of a row"],
	[
		"layout: table\nrows: [{model: ease, label: A}, {model: ease, label: B, against: C}]",
		"recipe x, row 2: against must be the label of another row; there are A",
	],
	["layout: table\nrows: [{model: ease, label: A, against: A}]", "there are none"],
	[
		"layout: {series: k}\nrows: [{model: ease, label: A, grid: {k: [1]}}, {model: ease, against: A, grid: {k: [1]}}]",
		"recipe x, row 2: against needs the layout table",
	],
])("refuses %j", (text, message) => {
	expect(parseRecipe("x", `${GOOD}layout: table\nrows: [{model: ease}]`).rows).toHaveLength(1);
	expect(() => parseRecipe("x", GOOD + text)).toThrow(message);
});

it("says what is measured; recall and NDCG where it does not, and shows nothing that is not", () => {
	const rows = "layout: table\nrows: [{model: ease}]";
	expect(parseRecipe("x", GOOD + rows).protocol.metrics).toEqual(["recall", "ndcg"]);
	const more = GOOD.replace("[20]", "[20], metrics: [recall, mrr]").replace("[test.", "[test.mrr@20, test.");
	expect(parseRecipe("x", more + rows).protocol.metrics).toEqual(["recall", "mrr"]);
	checkMetrics(parseRecipe("x", more + rows));
	expect(() => checkMetrics(parseRecipe("x", more.replace("mrr]", "ndcg]") + rows))).toThrow("x shows test.mrr@20");
	expect(() => parseRecipe("x", GOOD.replace("[20]", "[20], metrics: recall") + rows)).toThrow("protocol.metrics");
});

it("wants a source for every setting, and how much went into it", () => {
	expect(() => parseSetting("params: {k: 3}", "setting a/b")).toThrow("setting a/b: source");
	const effort = (setting: string) => parseSetting(`source: x\nsetting: ${setting}\nparams: {}`, "setting a/b").setting;
	expect(effort("{kind: searched, trials: 24}")).toEqual(SEARCHED);
	expect(effort("{kind: published}")).toEqual({ kind: "published", trials: null });
	expect(() => parseSetting("source: x\nparams: {}", "setting a/b")).toThrow("setting a/b, setting must have");
	for (const wrong of ["{kind: default, trials: 3}", "{kind: searched, trials: 0}", "{kind: searched, trials: few}"])
		expect(() => effort(wrong)).toThrow("setting a/b, setting: trials is a whole number");
	expect(readSettings("paper")).toEqual(new Map());
	expect(readSettings(join("no", "such"))).toEqual(new Map());
});
