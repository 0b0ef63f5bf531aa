import { markSentences } from "@valence/client";
import { comparisonAsked, groupsAsked, tooManyPairs } from "../../services/dashboard/src/comparison-asked";
import { comparisonOf, marksOf } from "../../services/dashboard/src/marks";
import { comparison, difference, found, KNOWN, mean } from "./compared-fixture";

const runs = (...ids: string[]) => ({ runs: ids.map((id) => ({ id })) });
const [VALID, EASE] = [runs("VALID-1"), runs("EASE-1")];

it("takes the newest finished comparison of exactly the groups, in whatever order", () => {
	const running = { ...comparison(), id: "running", state: "RUNNING" as const };
	const newest = { ...comparison(), id: "newest" };
	const older = { ...comparison(), id: "older" };
	expect(comparisonOf([running, newest, older], [EASE, VALID])?.id).toBe("newest");
	expect(comparisonOf([newest], [VALID, runs("EASE-1", "EASE-2")])).toBeUndefined();
	expect(comparisonOf([newest], [VALID, EASE, runs("BPR-1")])).toBeUndefined();
	expect(comparisonOf([newest], [VALID])).toBeUndefined();
});

it("goes on with a comparison under more metrics where a newer one looked at fewer", () => {
	const one = { ...comparison(), id: "one metric" };
	const full = { ...comparison(), id: "full", metrics: ["recall@20", "ndcg@20"] };
	const older = { ...full, id: "older" };
	expect(comparisonOf([one, full, older], [VALID, EASE])?.id).toBe("full");
});

it("gives the best its star only where it is better than the second after correction", () => {
	const starsOf = (whole: ReturnType<typeof found>) => {
		const marks = marksOf(whole, [...KNOWN]);
		return [VALID, EASE].map((group) => marks(group, "recall@20")?.meaning);
	};
	expect(starsOf(found([difference()]))).toEqual(["methods", undefined]);
	expect(starsOf(found([difference({ verdict: "undecided" })]))).toEqual([undefined, undefined]);
	// Tested the other way round.
	expect(starsOf(found([difference({ group: 1, baseline: 0, verdict: "worse" })]))).toEqual(["methods", undefined]);
	// One seed, or seeds that vary too much: ahead in these runs.
	const unsettled = { verdict: "undecided" as const, isUnsettled: true };
	expect(starsOf(found([difference(unsettled)]))).toEqual(["runs", undefined]);
	expect(starsOf(found([difference({ ...unsettled, group: 1, baseline: 0, difference: -0.0062 })]))).toEqual([
		...["runs", undefined],
	]);
	expect(starsOf({ ...found([difference({ ...unsettled, difference: -0.0062 })]), baseline: 1 })).toEqual([
		...[undefined, undefined],
	]);
	// Against a baseline whoever beats it has one, and nobody for being worse.
	expect(starsOf({ ...found([difference()]), baseline: 1 })).toEqual(["methods", undefined]);
	expect(starsOf({ ...found([difference({ verdict: "worse" })]), baseline: 1 })).toEqual([undefined, undefined]);
});

it("knows which way is better, and gives no star where neither is", () => {
	const starsOf = (metric: string) => {
		const verdict = metric === "novelty@20" ? ("more" as const) : ("worse" as const);
		const whole = found([difference({ metric, verdict })], [mean(0, 0.3, metric), mean(1, 0.2, metric)]);
		const marks = marksOf({ ...whole, metrics: [metric] }, [...KNOWN]);
		return [VALID, EASE].map((group) => marks(group, metric)?.meaning);
	};
	expect(starsOf("calibration@20")).toEqual([undefined, "methods"]);
	expect(starsOf("novelty@20")).toEqual([undefined, undefined]);
});

it("has an interval a group, and nothing for others, other metrics and while there is no comparison", () => {
	const marks = marksOf(found([difference()]), [...KNOWN]);
	expect(marks(VALID, "recall@20")?.mean.interval).toEqual({ low: 0.2062 - 0.01, high: 0.2062 + 0.01 });
	expect(marks(runs("BPR-1"), "recall@20")).toBeUndefined();
	expect(marks(VALID, "ndcg@20")).toBeUndefined();
	expect(marksOf(undefined, [...KNOWN])(VALID, "recall@20")).toBeUndefined();
	expect(markSentences({ ...comparison(), baseline: 1 }, "★")).toEqual([
		...["★ better than EASE after correction", "† the same of these runs alone, which other seeds may turn round"],
	]);
	expect(markSentences(comparison(), "*")[0]).toBe("* the best, better than the second after correction");
});

it("asks for what is in of an experiment, the best first, and names its baseline by one of its runs", () => {
	const configHash = (k: number) => `hash ${k}`;
	const group = (k: number, recall: number) => ({
		...{ model: "valid", config: { k }, configHash: configHash(k) },
		metrics: { "test.recall@20": { mean: recall } },
	});
	const run = (k: number, seed: number, state: string) => ({ id: `${k}-${seed}`, configHash: configHash(k), state });
	const experiment = {
		groups: [group(2, 0.1), group(4, 0.3), group(8, 0.2)],
		runs: [run(2, 1, "SUCCEEDED"), run(2, 2, "FAILED"), run(4, 1, "SUCCEEDED"), run(4, 2, "SUCCEEDED")],
		protocol: comparison().protocol,
	} as never;
	const groups = groupsAsked(experiment, [...KNOWN]);
	const [lessIsBetter] = groupsAsked(experiment, [{ name: "recall", title: "Recall", better: "lower" }]);
	expect(lessIsBetter?.name).toBe("valid k=2");
	expect(groups).toEqual([
		{ name: "valid k=4", runs: ["4-1", "4-2"] },
		{ name: "valid k=2", runs: ["2-1"] },
	]);
	expect(comparisonAsked(groups)).toEqual({ groups });
	expect(comparisonAsked(groups, groups[1])).toEqual({ groups, baseline: "2-1" });
});

it("asks for no more than the service takes: names are shortened, and each with each of too many is refused", () => {
	const [asked] = comparisonAsked([{ name: "é".repeat(101), runs: ["a"] }]).groups ?? [];
	expect(asked?.name).toBe(`${"é".repeat(99)}…`);
	const known = [
		...["recall", "ndcg"].map((name) => ({ name, ofUser: true })),
		...[
			{ name: "coverage", ofUser: false },
			{ name: "mrr", ofUser: true },
		],
	];
	const protocol = { metrics: ["recall", "ndcg", "coverage"], cutoffs: [20, 50] };
	expect(tooManyPairs(22, protocol, known)).toBeNull();
	expect(tooManyPairs(23, protocol, known)).toBe(
		"Each with each would be 1,012 tests (253 pairs, 4 columns); at most 1,000 are taken.",
	);
});
