// Every recipe and setting fits the models as the trainer describes them; a wrong one is named.
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Model } from "@valence/client";
import { Ajv2020 } from "ajv/dist/2020.js";
import { combinations, plan, selectRows, wants } from "../../services/cli/src/paper/plan.js";
import { parseRecipe, parseSetting, readRecipe, readSettings } from "../../services/cli/src/paper/recipe.js";
import { recipeNames } from "../../services/cli/src/paper/recipe-names.js";
import { PYTHON, RECIPES, TRAINER } from "../../services/supervisor/src/paths.js";

const CATALOGUE = `import json
from trainer import registry
print(json.dumps([{"name": m.name, "title": m.title, "capabilities": sorted(m.capabilities), "configSchema": m.config_class.model_json_schema()} for m in registry.catalogue().values()]))`;
const models: Model[] = JSON.parse(execFileSync(PYTHON, ["-c", CATALOGUE], { cwd: TRAINER, encoding: "utf8" }));
const datasets = readdirSync(RECIPES, { withFileTypes: true })
	.filter((entry) => entry.isDirectory() && entry.name !== "paper")
	.map((entry) => entry.name);

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

	it("has a setting of every model that Table 2 shows, or none at all", () => {
		const shown = readRecipe("table2").rows.map((row) => row.model);
		expect([...settings.keys()].sort()).toEqual(dataset === "sample" ? [] : shown.sort());
	});
});

it("takes the paper's setting of the dataset, then the row's own fields, then the grid", () => {
	const figure = plan(readRecipe("figure2"), readSettings("gowalla"), models)[0];
	expect(figure?.points[1]).toMatchObject({
		chosen: { k: 2 },
		params: { k: 2, r: 2, tau_dec: 0.08 },
		config: { k: 2, tau_dec: 0.08, learning_rate: 0.001 },
	});
	const dpcml = { ...readRecipe("table2"), rows: [{ model: "dpcml", label: null, params: { k: 4 }, grid: {} }] };
	expect(plan(dpcml, new Map([["dpcml", { source: "x", params: { k: 2, margin: 2 } }]]), models)[0]).toMatchObject({
		label: "DPCML",
		source: "x",
		points: [{ params: { k: 4, margin: 2 } }],
	});
});

it("names models that the service lacks with those it has, and every field that is not there", () => {
	const table = readRecipe("table2");
	const two = models.filter(({ name }) => ["valid", "ease"].includes(name));
	expect(() => plan(table, new Map(), two)).toThrow(
		/does not know macridvae, .*popularity; it knows (ease, valid|valid, ease)/,
	);
	expect(plan(selectRows(table, ["ease"]), new Map(), two)).toHaveLength(1);
	expect(() => selectRows(table, ["ease", "foo"])).toThrow("table2 has no foo; it has valid, macridvae");
	const wrong = { source: "x", params: { constructor: 1, depth: 2 } };
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
	const row = { model: "valid", label: null, params: {}, grid: {} };
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
])("refuses %j", (text, message) => {
	expect(parseRecipe("x", `${GOOD}layout: table\nrows: [{model: ease}]`).rows).toHaveLength(1);
	expect(() => parseRecipe("x", GOOD + text)).toThrow(message);
});

it("wants a source for every setting", () => {
	expect(() => parseSetting("params: {k: 3}", "setting a/b")).toThrow("setting a/b: source");
	expect(readSettings("paper")).toEqual(new Map());
	expect(readSettings(join("no", "such"))).toEqual(new Map());
});
