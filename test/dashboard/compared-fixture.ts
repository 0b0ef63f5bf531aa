// A comparison as the service answers, of which tests change what they are about.
import type { ComparisonDetail, GroupMean, PairDifference } from "@valence/client";

export const KNOWN = [
	{ name: "recall", title: "Recall", better: "higher" },
	{ name: "calibration", title: "Calibration", better: "lower" },
	{ name: "novelty", title: "Novelty", better: null },
] as const satisfies { name: string; title: string; better: "higher" | "lower" | null }[];

export const difference = (given: Partial<PairDifference> = {}): PairDifference => ({
	group: 0,
	baseline: 1,
	metric: "recall@20",
	difference: 0.0062,
	relative: 0.031,
	usersInterval: { low: 0.0044, high: 0.008 },
	seedsInterval: null,
	t: 4,
	pT: 0.0001,
	pRandomisation: 0.0001,
	pRandomisationHolm: 0.0002,
	pTHolm: 0.0002,
	effect: 0.2,
	won: 580,
	tied: 120,
	lost: 300,
	pSeeds: null,
	seedsTest: null,
	detectable: [],
	histogram: [],
	wonMost: [],
	lostMost: [],
	verdict: "better",
	isUnsettled: false,
	...given,
});

export const mean = (group: number, value: number, metric = "recall@20"): GroupMean => ({
	group,
	metric,
	mean: value,
	interval: { low: value - 0.01, high: value + 0.01 },
	seeds: 1,
	isClosedForm: group === 1,
	seedDeviation: null,
});

const group = (name: string) => ({
	name,
	model: name,
	config: {},
	processes: 1,
	effort: null,
	runs: [{ id: `${name}-1`, seed: 1, isGone: false }],
});

/** VALID and EASE under recall@20: what is not given stays. */
export const comparison = (given: Partial<ComparisonDetail> = {}): ComparisonDetail => ({
	id: "c",
	name: "VALID and EASE",
	state: "SUCCEEDED",
	error: null,
	progress: null,
	dataset: { id: "d", name: "sample" },
	protocol: { maskTest: "train", cutoffs: [20], metrics: ["recall"], hash: "a".repeat(64) },
	metrics: ["recall@20"],
	groups: [group("VALID"), group("EASE")],
	baseline: null,
	draws: 10_000,
	seed: 1,
	createdAt: "2026-11-26T10:00:00.000Z",
	startedAt: null,
	finishedAt: null,
	result: {
		users: 1000,
		family: 1,
		draws: 10_000,
		intervalMethod: "bca",
		seconds: 1,
		means: [mean(0, 0.2062), mean(1, 0.2)],
		differences: [difference()],
		overlaps: [],
	},
	...given,
});

/** The same with other differences, and means where they are others. */
export const found = (differences: PairDifference[], means = [mean(0, 0.2062), mean(1, 0.2)]) => {
	const whole = comparison();
	return { ...whole, result: { ...(whole.result as NonNullable<typeof whole.result>), differences, means } };
};
