// Tables from results: numbers, places, the three formats, and what stays of an earlier file.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, type Dataset, type PairDifference, Problem, type RunDetail } from "@valence/client";
import { decimals, ranks, summarise } from "../../services/cli/src/figures.js";
import { titleOf } from "../../services/cli/src/metrics.js";
import type { PlannedRow } from "../../services/cli/src/paper/plan.js";
import type { Effort, Recipe } from "../../services/cli/src/paper/recipe.js";
import {
	fits,
	type PointResult,
	type Results,
	type Reused,
	type RowResult,
	type RunResult,
	resultOf,
	rowsOf,
	runsOfFiles,
	withEarlierRows,
} from "../../services/cli/src/paper/results.js";
import { chosenPoint } from "../../services/cli/src/paper/sheets.js";
import { csvOf, latexOf, markdownOf, writeResults } from "../../services/cli/src/paper/tables.js";
import { withTests } from "../../services/cli/src/paper/testing.js";

const figure = (mean: number) => ({ mean, deviation: null, n: 1 });

const run = (seed: number, recall: number, bestValidation = recall): RunResult => ({
	id: `run-${seed}`,
	seed,
	metrics: { "test.recall@20": recall },
	epochs: 3,
	bestEpoch: 2,
	bestValidation,
	seconds: 2,
	peakMemoryBytes: seed * 2 ** 20,
	parameters: 10,
	device: "cpu",
	torchVersion: "2",
	codeVersion: "0",
	finishedAt: null,
	machine: "2 cores",
});
const DEFAULT: Effort = { kind: "default", trials: null };
const point = (runs: RunResult[], chosen = {}): PointResult => ({ chosen, config: {}, runs, failures: [] });
const row = (label: string, ...points: PointResult[]): RowResult => ({
	label,
	model: label.toLowerCase(),
	source: "s",
	points,
});
const results = (rows: RowResult[], layout: Results["layout"] = "table"): Results => ({
	recipe: "table2",
	title: "Table 2",
	layout,
	metrics: ["test.recall@20"],
	seeds: [1, 2],
	dataset: { name: "set_a", users: 1000, items: 20, interactions: 30, splitDigest: "d1" },
	protocol: { maskTest: "train", cutoffs: [20], metrics: ["recall", "ndcg"], hash: "h1" },
	rows,
});

describe("figures", () => {
	it("are means with the sample's deviation, of what is there", () => {
		const four = summarise([2, 4, 4, 6]);
		expect(four).toEqual({ mean: 4, deviation: expect.closeTo(1.632993, 6), n: 4 });
		expect(summarise([3, null, undefined, Number.NaN])).toEqual({ mean: 3, deviation: null, n: 1 });
		expect(summarise([null])).toBeNull();
		expect([decimals(four), decimals(figure(0.12345)), decimals(null)]).toEqual(["4.0000 ± 1.6330", "0.1235", "–"]);
	});
	it("share a place when they are printed alike, and lower uniformity is better", () => {
		const three = [figure(0.3), figure(0.50001), null, figure(0.49999), figure(0.4)];
		expect(ranks(three, "test.recall@20")).toEqual([null, 1, null, 1, 2]);
		expect(ranks([figure(-3), figure(-4), figure(-2)], "test.uniformity")).toEqual([2, 1, null]);
	});
	it("have the places that the service's definition gives: lower may be better, or neither way", () => {
		const known = [
			{ name: "calibration", title: "Miscalibration", better: "lower" as const },
			{ name: "novelty", title: "Novelty", better: null },
		];
		const two = [figure(0.3), figure(0.2)];
		expect(ranks(two, "test.calibration@20", known)).toEqual([2, 1]);
		expect(ranks(two, "test.novelty@20", known)).toEqual([null, null]);
		expect(["test.calibration@20", "valid.novelty@5"].map((name) => titleOf(name, known))).toEqual([
			"Miscalibration@20",
			"validation Novelty@5",
		]);
	});
	it("of a grid are those of the point that is best on validation, not on test", () => {
		const [a, b] = [point([run(1, 0.9, 0.1)], { k: 1 }), point([run(1, 0.2, 0.3)], { k: 2 })];
		expect(chosenPoint([a, b])).toBe(b);
		expect(chosenPoint([point([], { k: 3 }), a])).toBe(a);
	});
});

it("tells no time of a run that was interrupted: the service knows only that of its last attempt", () => {
	const [whole, resumed] = [1, 2].map((lease) => resultOf({ trainSeconds: 5, lease } as RunDetail, "2 cores").seconds);
	expect([whole, resumed]).toEqual([5, null]);
});

const NASTY = 'A&B_1 50% {x} #1 ~^\\ $ a|b *c* <d> "e", f';
const two = results([row(NASTY, point([run(1, 0.1), run(2, 0.3)])), row("EASE", point([run(1, 0.5)]))]);

describe("a table", () => {
	it("in Markdown: best bold, second underlined, nothing read as markup", () => {
		const text = markdownOf(two);
		expect(text).toContain("| Model | Recall@20 | time a run | peak memory |\n| --- | ---: | ---: | ---: |");
		expect(text).toContain("| EASE | **0.5000** | 2.0 s | 1 MiB |");
		expect(text).toContain("| <u>0.2000 ± 0.1414</u> | 2.0 s | 2 MiB |");
		expect(text).toContain('a\\|b \\*c\\* \\<d\\> "e", f');
		expect(text).toContain("## Table 2 on set\\_a");
		for (const proof of ["h1", "split d1", "1,000 users", "2 cores", "Seeds: 1, 2"]) expect(text).toContain(proof);
	});
	it("in LaTeX", () => {
		const text = latexOf(two);
		expect(text).toContain("EASE & \\textbf{0.5000} \\\\");
		expect(text).toContain(
			'A\\&B\\_1 50\\% \\{x\\} \\#1 \\textasciitilde{}\\textasciicircum{}\\textbackslash{} \\$ a|b *c* <d> "e", f & \\underline{0.2000 $\\pm$ 0.1414} \\\\',
		);
		expect(text).toContain("\\begin{tabular}{lr}");
		expect(text).toMatch(/^% Needs \\usepackage\{booktabs\}\.\n% Protocol h1/);
	});
	it("in CSV: nothing that a spreadsheet takes for a formula", () => {
		const names = ["=1+1", "+x", "-x", "@x", "x=1"].map((name) => row(name, point([run(1, -0.5)])));
		const lines = csvOf(results(names)).split("\r\n").slice(1, 6);
		expect(lines.map((line) => line.split(",")[0])).toEqual(["'=1+1", "'+x", "'-x", "'@x", "x=1"]);
		expect(lines[0]).toContain(",-0.5,");
	});
	it("in CSV: unrounded, quoted where needed", () => {
		const [header, first, second] = csvOf(two).split("\r\n");
		expect(header).toMatch(
			/^row,model,runs,test.recall@20,test.recall@20 deviation,setting,seconds,peak_memory_bytes,/,
		);
		expect(first).toContain(`"${NASTY.replaceAll('"', '""')}",`);
		expect(first).toContain(",2,0.2,0.14142135623730");
		expect(second).toBe("EASE,ease,1,0.5,,,2,1048576,set_a,d1,h1,2 cores");
	});
	it("shows beside its numbers how much went into a setting, in every format", () => {
		const [a, b, c] = ["A", "B", "C"].map((label) => row(label, point([run(1, 0.5)]))) as [
			RowResult,
			RowResult,
			RowResult,
		];
		const searched: RowResult = { ...a, setting: { kind: "searched", trials: 24 } };
		const all = results([searched, { ...b, setting: { kind: "published", trials: null } }, c]);
		const byHand = results([{ ...a, setting: { kind: "searched", trials: null } }, b]);
		expect(markdownOf(byHand)).toContain("| A | **0.5000** | searched (not counted) |");
		expect(markdownOf(all)).toContain("| Model | Recall@20 | setting | time a run | peak memory |");
		for (const line of [
			"| A | **0.5000** | searched (24) |",
			"| B | **0.5000** | published |",
			"| C | **0.5000** | – |",
		])
			expect(markdownOf(all)).toContain(line);
		expect(latexOf(all)).toContain("Model & Recall@20 & setting \\\\");
		expect(latexOf(all)).toContain("A & \\textbf{0.5000} & searched (24) \\\\");
		expect(csvOf(all)).toContain("A,a,1,0.5,,searched (24),2,1048576");
	});
	it("says which values of a grid it shows, and which runs are missing", () => {
		const failed = { ...point([], { k: 2 }), failures: ["seed 1 failed: out of | memory"] };
		const text = markdownOf(results([row("X", point([run(1, 0.1)], { k: 1 }), failed)]));
		expect(text).toContain("| X (k 1) | **0.1000** |");
		expect(text).toContain("- Missing: X k 2, seed 1 failed: out of \\| memory.");
	});
});

describe("what was tested", () => {
	const tested = {
		...{ comparison: "c", baseline: "EASE", shown: ["test.recall@20"], undecided: [] },
		...{ users: 1000, family: 1, draws: 10_000 },
	};
	const all = { ...results([row("B", point([run(1, 0.1)])), row("EASE", point([run(1, 0.5)]))]), tested };
	it("puts a star beside a best row that is better than the second, in every format", () => {
		expect(markdownOf(all)).toContain("| EASE | **0.5000**\\* |");
		expect(markdownOf(all)).toContain("| B | <u>0.1000</u> |");
		expect(latexOf(all)).toContain("EASE & \\textbf{0.5000}$^{*}$ \\\\");
		const [header, first, second] = csvOf(all).split("\r\n");
		expect(header).toContain("test.recall@20,test.recall@20 deviation,test.recall@20 marked,setting,seconds");
		expect([first, second]).toEqual([expect.stringContaining(",0.1,,,,2,"), expect.stringContaining(",0.5,,*,,2,")]);
		expect(markdownOf(all)).toContain(
			"after Holm over the 1 tests of EASE against every other row, as each against each",
		);
		const ofRuns = { ...all, tested: { ...tested, shown: [], ofRuns: ["test.recall@20"] } };
		expect(markdownOf(ofRuns)).toContain("| EASE | **0.5000**† |");
		expect(markdownOf(ofRuns)).toContain("- † The same of these runs alone, which other seeds may turn round.");
		expect(latexOf(ofRuns)).toContain("EASE & \\textbf{0.5000}$^{\\dagger}$ \\\\");
		expect(csvOf(ofRuns)).toContain(",0.5,,of these runs,,2,");
		expect(markdownOf(all)).not.toContain("†");
		const each = { ...all, tested: { ...tested, baseline: null } };
		expect(markdownOf(each)).toContain("after Holm over the 1 tests of each row against each other;");
	});
	it("leaves no star where a difference is not shown, and says which were not tested", () => {
		const none = { ...all, tested: { ...tested, shown: [], undecided: ["test.recall@20"] } };
		expect(markdownOf(none)).toContain("| EASE | **0.5000** |");
		expect(markdownOf(none)).toContain("Not tested, as neither of the two is EASE: Recall@20.");
	});
	it("is missing from files of an earlier version, and where the service has no values: both are said", () => {
		expect(markdownOf(two)).toContain("- No row is marked: no differences were tested.");
		expect(markdownOf({ ...two, untested: "EASE: why" })).toContain("- No row is marked: EASE: why.");
		expect(csvOf(two)).not.toContain("marked");
		expect(markdownOf(results([row("B", point([run(1, 0.1)]))]))).not.toContain("marked");
	});
});

describe("testing the rows of a table", () => {
	const three = results([
		row("B", point([run(1, 0.1)])),
		row("EASE".padEnd(120, "!"), point([run(1, 0.5), run(2, 0.5)])),
		row("C", point([run(1, 0.4)])),
	]);
	const definitions = [
		{ name: "recall", title: "Recall", better: "higher", ofUser: true },
		...Array.from({ length: 40 }, (_, place) => ({ name: `m${place}`, title: "M", better: null, ofUser: true })),
	];
	const verdictOf = (verdict: PairDifference["verdict"], isUnsettled: boolean) => ({
		...{ users: 9, family: 3, means: [] },
		differences: [
			{
				...{
					group: 1,
					baseline: 2,
					metric: "recall@20",
					difference: 0.1,
					verdict,
					isUnsettled,
					won: 1,
					tied: 1,
					lost: 1,
				},
				...{ usersInterval: null, seedsInterval: null, effect: null, detectable: [] },
			},
		],
	});
	/** A service that answers with this comparison, or refuses it; it keeps what it was asked for. */
	function serviceOf(answer: object | Error) {
		const asked: { groups: { name: string }[]; baseline?: string; metrics: string[] }[] = [];
		const get = async (path: string) =>
			path === "/metric-definitions" ? { items: definitions } : path === "/comparisons" ? { items: [] } : answer;
		const post = async (_: string, { body }: { body: (typeof asked)[number] }) => {
			asked.push(body);
			if (answer instanceof Error) throw answer;
			return { id: "c" };
		};
		return { asked, api: { get, post } as unknown as Client };
	}
	const found = (verdict: PairDifference["verdict"], isUnsettled = false) => ({
		...{ id: "c", state: "SUCCEEDED", draws: 10_000, result: verdictOf(verdict, isUnsettled) },
	});

	it("compares each with each, and marks what the service says is better", async () => {
		const { api, asked } = serviceOf(found("better"));
		expect((await withTests(api, three)).tested).toMatchObject({ baseline: null, shown: ["test.recall@20"] });
		expect(asked).toMatchObject([{ metrics: ["recall@20"], groups: [{}, { name: `EASE${"!".repeat(95)}…` }, {}] }]);
		expect(asked[0]).not.toHaveProperty("baseline");
		const unsettled = found("undecided", true);
		expect((await withTests(serviceOf(unsettled).api, three)).tested).toMatchObject({
			...{ shown: [], ofRuns: ["test.recall@20"] },
		});
		const open = await withTests(serviceOf(found("undecided")).api, three);
		expect(open.tested).toMatchObject({ shown: [], undecided: [] });
	});
	it("takes the best row as the baseline where each with each is too much", async () => {
		const many = Array.from({ length: 9 }, (_, place) => row(`R${place}`, point([{ ...run(place, place / 10) }])));
		const metrics = ["test.recall@20", ...Array.from({ length: 28 }, (_, place) => `test.m${place}@20`)];
		const { api, asked } = serviceOf(found("better"));
		const { tested } = await withTests(api, { ...results(many), metrics });
		expect([tested?.baseline, asked[0]?.baseline]).toEqual(["R8", "run-8"]);
	});
	it("loses no table over a comparison that is refused, fails or cannot be asked for", async () => {
		const place = { pointer: "/groups/0/runs/0", code: "unknown_run", message: "is not known" };
		const whole = { pointer: "/groups", code: "out_of_range", message: "hold 120 runs; at most 100 are allowed" };
		const refusals: [object | Error, string][] = [
			[new Problem(422, "unknown_run", "x", [place]), "B: its runs are of another service, whose values of users"],
			[new Problem(400, "invalid_request", "x", [whole]), "/groups hold 120 runs; at most 100 are allowed"],
			[new Problem(0, "unreachable", "no answer."), "no answer"],
			[
				{ state: "FAILED", error: { message: "the file is damaged" } },
				"the comparison came to nothing: the file is damaged",
			],
		];
		for (const [answer, why] of refusals) {
			const all = await withTests(serviceOf(answer).api, three);
			expect(all).toMatchObject({ rows: three.rows, untested: expect.stringContaining(why) });
			expect(all.tested).toBeUndefined();
		}
		const broken = serviceOf(new TypeError("a mistake of ours")).api;
		await expect(withTests(broken, three)).rejects.toThrow("a mistake of ours");
	});
});

it("a series has a column a value, a gap where a run is missing, and all of it in CSV", () => {
	const lines = [
		row("A", point([run(1, 0.1)], { k: 1 }), point([run(1, 0.2)], { k: 2 })),
		row("B", point([run(1, 0.3)], { k: 2 })),
	];
	const series = results(lines, { series: "k" });
	expect(markdownOf(series)).toContain(
		"## Table 2 on set\\_a: Recall@20\n\n| k | 1 | 2 |\n| --- | ---: | ---: |\n| A | 0.1000 | 0.2000 |\n| B | – | 0.3000 |",
	);
	expect(
		csvOf(series)
			.split("\r\n")
			.slice(1, 4)
			.map((line) => line.split(",").slice(0, 5).join()),
	).toEqual(["A,a,1,1,0.1", "A,a,2,1,0.2", "B,b,2,1,0.3"]);
});

describe("rows of the file that a command did not ask for", () => {
	const rows = ["a", "b", "c"].map((model) => ({
		model,
		label: null,
		setting: null,
		params: {},
		grid: {},
		against: null,
	}));
	const recipe: Recipe = { ...results([]), name: "table2", rows };
	const mine = results([row("B", point([run(1, 0.2)]))]);
	const old = results([row("C", point([run(1, 0.3)])), row("B", point([run(1, 0.9)])), row("A", point([run(1, 0.1)]))]);
	const labels = ({ rows }: Results) =>
		rows.map(({ label, points }) => [label, points[0]?.runs[0]?.metrics["test.recall@20"]]);

	it("stay, in the recipe's order", () => {
		expect(labels(withEarlierRows(mine, old, recipe))).toEqual([
			["A", 0.1],
			["B", 0.2],
			["C", 0.3],
		]);
	});
	it("go when the recipe no longer has them, and when they are of another protocol, recipe or no file", () => {
		expect(labels(withEarlierRows(mine, old, { ...recipe, rows: rows.slice(0, 2) }))).toEqual([
			["A", 0.1],
			["B", 0.2],
		]);
		const other = { ...old, protocol: { ...old.protocol, hash: "h2" } };
		for (const earlier of [other, { ...old, recipe: "table5" }, null])
			expect(labels(withEarlierRows(mine, earlier, recipe))).toEqual([["B", 0.2]]);
	});
});

describe("runs that results files hold", () => {
	const protocol = { maskTest: "train", cutoffs: [20], metrics: ["ndcg", "recall"] };
	const recipe = { metrics: ["test.recall@20"], protocol } as Recipe;
	const dataset = { name: "set_a", splitDigest: "d1" } as Dataset;
	const folderOf = (...all: Results[]) => {
		const folder = mkdtempSync(join(tmpdir(), "valence-results-"));
		for (const one of all) writeResults(folder, one);
		return folder;
	};
	const ease = { ...results([row("EASE", { ...point([run(1, 0.5)]), config: { l2: 50 } })]), recipe: "figure2" };

	it("count whichever recipe they are of, for the same model, configuration and seed", () => {
		const [one, ...more] = runsOfFiles(folderOf(ease), dataset, recipe) as [Reused, ...Reused[]];
		expect(more).toEqual([]);
		expect(fits(one, { model: "ease", config: { l2: 50 }, seed: 1 })).toBe(true);
		expect(fits(one, { model: "ease", config: { l2: 50 }, seed: 2 })).toBe(false);
		expect(fits(one, { model: "ease", config: { l2: 51 }, seed: 1 })).toBe(false);
		const planned = [
			{ label: "EASE", model: "ease", source: "s", setting: DEFAULT, against: null, seeds: [1], points: [] },
		] as PlannedRow[];
		const asked = [{ chosen: {}, params: {}, config: { l2: 50 } }];
		const [filled] = rowsOf([{ ...(planned[0] as PlannedRow), points: asked }], [], "another machine", [one]);
		expect(filled?.points[0]?.runs).toEqual([run(1, 0.5)]);
	});
	it("count where an earlier version did not say that it measured recall and NDCG", () => {
		const { metrics: _metrics, ...unsaid } = ease.protocol;
		const old = { ...ease, protocol: unsaid } as Results;
		expect(runsOfFiles(folderOf(old), dataset, recipe)).toHaveLength(1);
	});
	it("count once a seed, the newest: the same work done twice is no sample", () => {
		const at = (recipe: string, value: number, finishedAt: string) => {
			const twin = { ...run(1, value), id: recipe, finishedAt };
			return { ...results([row("EASE", { ...point([twin]), config: { l2: 50 } })]), recipe };
		};
		const folder = folderOf(at("a", 0.1, "2026-01-01"), at("b", 0.2, "2026-03-01"), at("c", 0.3, "2026-02-01"));
		expect(runsOfFiles(folder, dataset, recipe).map((one) => one.run.id)).toEqual(["b"]);
	});
	it.each([
		["dataset", { ...dataset, splitDigest: "d2" }, recipe],
		["mask rule", dataset, { ...recipe, protocol: { ...protocol, maskTest: "train+valid" } }],
		["set of metrics in the protocol", dataset, { ...recipe, protocol: { ...protocol, metrics: ["recall", "mrr"] } }],
		["metric", dataset, { ...recipe, metrics: ["test.recall@20", "test.uniformity"] }],
	])("do not count for another %s", (_, of, asked) => {
		expect(runsOfFiles(folderOf(ease), of, asked)).toEqual([]);
	});
});
