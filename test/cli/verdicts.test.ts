// What is said of a comparison: who is ahead, what is more than chance, and the same marks in every format.
import type { ComparisonDetail, PairDifference } from "@valence/client";
import { written } from "../../services/cli/src/verdict-tables.js";
import { footnotesOf, verdictsOf } from "../../services/cli/src/verdicts.js";

const KNOWN = [
	{ name: "recall", title: "Recall", better: "higher" as const },
	{ name: "calibration", title: "Miscalibration", better: "lower" as const },
	{ name: "novelty", title: "Novelty", better: null },
];
const NAMES = ["valid", "ease", "popularity"];

const pair = (group: number, baseline: number, difference: number, more: Partial<PairDifference> = {}) => ({
	...{ group, baseline, metric: "recall@20", difference, relative: null, effect: 0.2 },
	...{ usersInterval: { low: difference - 0.01, high: difference + 0.01 }, seedsInterval: null },
	...{ t: 3, pT: 0.001, pRandomisation: 0.001, pRandomisationHolm: 0.003, pTHolm: 0.003 },
	...{
		won: 58,
		tied: 12,
		lost: 30,
		pSeeds: null,
		seedsTest: null,
		detectable: [],
		histogram: [],
		wonMost: [],
		lostMost: [],
	},
	...{ verdict: difference > 0 ? ("better" as const) : ("worse" as const), isUnsettled: false },
	...more,
});

interface Told {
	means: number[];
	differences: PairDifference[];
	metric?: string;
	baseline?: number | null;
	seeds?: number[];
}
const comparison = ({ means, differences, metric = "recall@20", baseline = null, seeds = [2, 1, 2] }: Told) =>
	({
		...{ id: "c", name: "c", state: "SUCCEEDED", error: null, progress: null, seed: 1, draws: 10_000 },
		...{ dataset: { id: "d", name: "music" }, metrics: [metric], baseline },
		...{ createdAt: "", startedAt: null, finishedAt: null },
		protocol: { maskTest: "train", cutoffs: [20], metrics: ["recall"], hash: "h".repeat(64) },
		groups: NAMES.map((name) => ({ name, model: name, config: {}, processes: 1, runs: [], effort: null })),
		result: {
			...{
				users: 100,
				family: 3,
				draws: 10_000,
				intervalMethod: "bca" as const,
				seconds: 1,
				overlaps: [],
				differences,
			},
			means: means.map((mean, group) => ({
				...{ group, metric, mean, interval: { low: mean - 0.02, high: mean + 0.02 } },
				...{ seeds: seeds[group] as number, isClosedForm: group === 1, seedDeviation: null },
			})),
		},
	}) as ComparisonDetail;
const verdict = (told: Told) => {
	const [one] = verdictsOf(comparison(told), KNOWN);
	if (!one) throw new Error("no verdict");
	return one;
};
const marks = (told: Told) =>
	verdict(told).rows.map(({ name, mark }) => `${name}${mark === "methods" ? "*" : mark ? "†" : ""}`);

const differences = [pair(0, 1, 0.04), pair(0, 2, 0.3), pair(1, 2, 0.26)];

describe("each with each", () => {
	it("the best is marked where it is better than the second, and told in a sentence", () => {
		expect(marks({ means: [0.34, 0.3, 0.04], differences })).toEqual(["valid*", "ease", "popularity"]);
		expect(verdict({ means: [0.34, 0.3, 0.04], differences }).sentence).toBe(
			"valid beats ease by 13.3 % (10.0 to 16.7) in Recall@20; about 58 of 100 users gain, 30 lose.",
		);
	});
	it("nobody is where it is not, however far the third is behind", () => {
		const detectable = [0, 1, 2].map((moreSeeds) => ({ moreSeeds, relative: 0.1 / (1 + moreSeeds) }));
		const close = [pair(0, 1, 0.004, { verdict: "undecided", detectable }), ...differences.slice(1)];
		const told = { means: [0.304, 0.3, 0.04], differences: close };
		expect(marks(told)).toEqual(["valid", "ease", "popularity"]);
		expect(verdict(told).sentence).toBe(
			"No difference is shown between valid and ease in Recall@20: 1.3 % (−2.0 to 4.7), p 0.003 after correction. With seeds that differ as these do, a difference between the methods would be detected from 10.0 % on, with 2 more seeds of valid from 3.3 % (at 5 % with a power of 80 %).",
		);
	});
	it("has a mark of these runs where other seeds may turn it round", () => {
		const open = [pair(0, 1, 0.04, { verdict: "undecided", isUnsettled: true }), ...differences.slice(1)];
		const told = { means: [0.34, 0.3, 0.04], differences: open };
		expect(marks(told)).toEqual(["valid†", "ease", "popularity"]);
		expect(verdict(told).sentence).toBe(
			"In these runs valid is above ease in Recall@20, but other seeds may turn it round: 13.3 % (10.0 to 16.7); about 58 of 100 users gain, 30 lose.",
		);
		const text = (format: "csv" | "md" | "latex") => {
			const whole = comparison(told);
			return written(format, whole, verdictsOf(whole, KNOWN), footnotesOf(whole));
		};
		expect(text("md")).toContain("0.3600\\]**† |");
		expect(text("md")).toContain("- † the same of these runs alone, which other seeds may turn round.");
		expect(text("latex")).toContain("0.3600]}$^{\\dagger}$ \\\\");
		expect(text("latex")).toContain("% † the same of these runs alone");
		expect(text("csv")).toContain(",of these runs,");
	});
	it("a pair that was tested the other way round is turned, with its users", () => {
		const turned = [pair(1, 0, -0.04, { won: 30, lost: 58 }), ...differences.slice(1)];
		const { sentence, rows } = verdict({ means: [0.34, 0.3, 0.04], differences: turned });
		expect(sentence).toContain("valid beats ease by 13.3 % (10.0 to 16.7)");
		expect(sentence).toContain("58 of 100 users gain, 30 lose");
		expect(rows[1]?.against).toMatchObject({ difference: -0.04, gain: 30, tie: 12, lose: 58, verdict: "worse" });
	});
});

describe("against a baseline", () => {
	const told = { means: [0.34, 0.3, 0.04], differences: [pair(0, 1, 0.04), pair(2, 1, -0.26)], baseline: 1 };
	it("every group that is shown to be better has a mark, and none that is worse", () => {
		expect(marks(told)).toEqual(["valid*", "ease", "popularity"]);
		expect(verdict(told).rows[1]?.against).toBeNull();
	});
	it("that is ahead of all it is what the sentence begins with", () => {
		const behind = { ...told, means: [0.28, 0.3, 0.04], differences: [pair(0, 1, -0.02, { won: 30, lost: 58 })] };
		expect(verdict(behind).sentence).toBe(
			"ease beats valid by 7.1 % (3.6 to 10.7) in Recall@20; about 58 of 100 users gain, 30 lose.",
		);
	});
});

it("where lower is better the lower is best, and who has less gains; where neither is, nothing is best", () => {
	const lower = (metric: string, told: PairDifference["verdict"]) =>
		differences.map((one) => ({ ...one, metric, verdict: told }));
	const less = { metric: "calibration@20", means: [0.34, 0.3, 0.04], differences: lower("calibration@20", "worse") };
	expect(marks(less)).toEqual(["popularity*", "ease", "valid"]);
	expect(verdict(less).sentence).toContain("popularity beats ease by");
	const neither = { metric: "novelty@20", means: [0.34, 0.3, 0.04], differences: lower("novelty@20", "more") };
	expect(marks(neither)).toEqual(["valid", "ease", "popularity"]);
	expect(verdict(neither).sentence).toBe(
		"valid is above ease by 13.3 % (10.0 to 16.7) in Novelty@20; about 58 of 100 users have more, 30 less.",
	);
});

it("an interval over seeds is told before that over users, and a mean of 0 has no percentages", () => {
	const seeded = [pair(0, 1, 0.04, { seedsInterval: { low: 0.01, high: 0.07 } }), ...differences.slice(1)];
	expect(verdict({ means: [0.34, 0.3, 0.04], differences: seeded }).sentence).toContain("(3.3 to 23.3)");
	const nothing = { means: [0.04, 0, 0], differences: [pair(0, 1, 0.04), pair(0, 2, 0.04), pair(1, 2, 0)] };
	expect(verdict(nothing).sentence).toContain("valid beats ease by 0.0400 (0.0300 to 0.0500) in Recall@20");
});

it("one seed is said, but not of a model that gives the same with every seed", () => {
	const told = comparison({ means: [0.34, 0.3, 0.04], differences, seeds: [2, 1, 1] });
	expect(footnotesOf(told).at(-1)).toBe("One seed (popularity): these trained models are compared, not the methods.");
	expect(footnotesOf(comparison({ means: [0.34, 0.3, 0.04], differences }))).toHaveLength(3);
	expect(footnotesOf(told)[0]).toContain("after Holm over 3 tests");
});

describe("for a document", () => {
	const told = comparison({ means: [0.34, 0.3, 0.04], differences });
	const text = (format: "csv" | "md" | "latex") => written(format, told, verdictsOf(told, KNOWN), ["note_1"]);
	it("Markdown", () => {
		expect(text("md")).toContain("| valid | **0.3400 \\[0.3200, 0.3600\\]**\\* |\n| ease | <u>0.3000");
		expect(text("md")).toContain("- note\\_1\n");
	});
	it("LaTeX", () => {
		expect(text("latex")).toContain("valid & \\textbf{0.3400 [0.3200, 0.3600]}$^{*}$ \\\\");
		expect(text("latex")).toContain("\\caption{On music}");
		expect(text("latex")).toMatch(/^% Needs \\usepackage\{booktabs\}\.\n% valid beats ease by/);
	});
	it("CSV: a line a metric and group, unrounded", () => {
		const [header, first, second] = text("csv").split("\r\n");
		expect(header).toMatch(/^metric,group,model,seeds,mean,low,high,marked,against,difference,relative,/);
		expect(first).toMatch(/^recall@20,valid,valid,2,0.34,0.32,0.36\d*,\*,,,,,,,,,,,100,3$/);
		expect(second).toMatch(/^recall@20,ease,ease,1,0.3,0.2[78]\d*,0.32\d*,,valid,-0.04,-0.11/);
	});
});
