// Which runs are there already, which are launched.
import { join } from "node:path";
import type { Run } from "@valence/client";
import { pathOf, seedsOf } from "../../services/cli/src/arguments.js";
import { requestsFor, standingOf } from "../../services/cli/src/paper/launching.js";
import { checkMetrics, type Want } from "../../services/cli/src/paper/plan.js";
import { readRecipe } from "../../services/cli/src/paper/recipe.js";
import { recipeNames } from "../../services/cli/src/paper/recipe-names.js";

const want: Want = { name: "VALID seed 1", model: "valid", params: { k: 2 }, config: { k: 2, tau: 0.1 }, seed: 1 };
const run = (id: string, state: string, change: Partial<Run> = {}) =>
	({ id, state, model: "valid", seed: 1, processes: 1, config: { tau: 0.1, k: 2 }, ...change }) as Run;

describe("a wanted run", () => {
	it("is done when it succeeded once, whatever came later; the newest counts", () => {
		const runs = [run("c", "RUNNING"), run("b", "SUCCEEDED"), run("a", "SUCCEEDED"), run("d", "FAILED")];
		expect(standingOf(want, runs)).toEqual({ kind: "done", run: runs[1] });
	});
	it.each(["QUEUED", "RUNNING"])("is waited for while it is %s", (state) => {
		const runs = [run("b", "CANCELLED"), run("a", state)];
		expect(standingOf(want, runs)).toEqual({ kind: "open", run: runs[1] });
	});
	it("is launched again when it only failed or was cancelled, or is not there", () => {
		expect(standingOf(want, [run("a", "FAILED"), run("b", "CANCELLED")])).toEqual({ kind: "missing" });
		expect(standingOf(want, [])).toEqual({ kind: "missing" });
	});
	it.each([
		["seed", { seed: 2 }],
		["model", { model: "macridvae" }],
		["number of processes", { processes: 2 }],
		["value", { config: { k: 2, tau: 0.2 } }],
		["field", { config: { k: 2, tau: 0.1, r: 1 } }],
	])("is not one with another %s", (_, change) => {
		expect(standingOf(want, [run("a", "SUCCEEDED", change)])).toEqual({ kind: "missing" });
	});
});

describe("what is launched", () => {
	const of = (config: object, ...seeds: number[]): Want[] =>
		seeds.map((seed) => ({
			name: "",
			model: "valid",
			params: config as Want["params"],
			config: config as Want["config"],
			seed,
		}));

	it("is exactly what is missing: an experiment for each set of seeds", () => {
		const [a, b, c] = [{ k: 1 }, { k: 2 }, { k: 3 }];
		expect(requestsFor([...of(a, 1, 2), ...of(b, 2), ...of(c, 1, 2)])).toEqual([
			{
				models: [
					{ model: "valid", params: a },
					{ model: "valid", params: c },
				],
				seeds: [1, 2],
			},
			{ models: [{ model: "valid", params: b }], seeds: [2] },
		]);
		expect(requestsFor([])).toEqual([]);
	});
	it("keeps to what the api takes: 50 models and 1000 runs an experiment", () => {
		const many = Array.from({ length: 120 }, (_, k) => of({ k }, ...Array.from({ length: 30 }, (_, seed) => seed)));
		const sizes = requestsFor(many.flat()).map(({ models, seeds }) => [models.length, seeds.length]);
		expect(sizes).toEqual([
			[33, 30],
			[33, 30],
			[33, 30],
			[21, 30],
		]);
		const few = Array.from({ length: 60 }, (_, k) => of({ k }, 1));
		expect(requestsFor(few.flat()).map(({ models }) => models.length)).toEqual([50, 10]);
	});
});

it("reads seeds as numbers and ranges", () => {
	expect(seedsOf("1,5-7,6")).toEqual([1, 5, 6, 7]);
	for (const wrong of ["", "x", "3-1", "1,,2", "-1", "1-99999"]) expect(() => seedsOf(wrong)).toThrow("--seeds");
});

it("means paths from where the command was typed", () => {
	process.env.INIT_CWD = "/somewhere";
	expect(pathOf("sets")).toBe("/somewhere/sets");
	delete process.env.INIT_CWD;
	expect(pathOf("sets")).toBe(join(process.cwd(), "sets"));
});

it("says before anything starts what a recipe shows that no run will have", () => {
	for (const name of recipeNames()) expect(() => checkMetrics(readRecipe(name))).not.toThrow();
	const recipe = readRecipe("table2");
	const beyond = { ...recipe, metrics: ["test.recall@20", "test.recall@7", "test.precision@20"] };
	expect(() => checkMetrics(beyond)).toThrow("test.recall@7, test.precision@20");
});
