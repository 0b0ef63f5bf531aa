// What a comparison says, metric by metric: who is ahead of whom, by how much, and whether that is more than chance.
import {
	type Against,
	type ComparisonDetail,
	type ComparisonResult,
	findingOf,
	type GroupMean,
	leastOf,
	type Mark,
	markSentences,
	marksUnder,
	powerSentence,
	sentenceOf,
} from "@valence/client";
import { betterOf, type Known, titleOf } from "./metrics.js";

export interface Row {
	/** Place in the groups of the comparison. */
	group: number;
	name: string;
	mean: number | null;
	interval: GroupMean["interval"];
	seeds: number;
	/** Null of the one that all are told against. */
	against: Against | null;
	/** Ahead of the baseline; without one only the best has a mark, where it is ahead of the second. */
	mark: Mark | null;
}
export interface Verdict {
	metric: string;
	title: string;
	better: "higher" | "lower" | null;
	/** The best first. */
	rows: Row[];
	/** Whom the others are told against: the baseline, or without one the best. */
	reference: string;
	/** The smallest p that the draws can tell of. */
	leastP: number;
	sentence: string;
}

export function verdictsOf(comparison: ComparisonDetail, known: Known[]): Verdict[] {
	const { result } = comparison;
	return result ? comparison.metrics.map((metric) => verdictOf(comparison, result, metric, known)) : [];
}

function verdictOf(comparison: ComparisonDetail, result: ComparisonResult, metric: string, known: Known[]): Verdict {
	const { groups, baseline } = comparison;
	const better = betterOf(metric, known);
	const title = titleOf(metric, known);
	const sign = better === "lower" ? -1 : 1;
	const value = ({ mean }: GroupMean) => (mean === null ? Number.NEGATIVE_INFINITY : sign * mean);
	const ordered = result.means.filter((one) => one.metric === metric).sort((a, b) => value(b) - value(a) || 0);
	const nameOf = (group: number) => groups[group]?.name ?? "";
	const reference = baseline ?? ordered[0]?.group ?? 0;
	const next = ordered.find(({ group }) => group !== reference)?.group ?? reference;
	const toldOf = (group: number, other: number) => findingOf(comparison, metric, [group, other], { title, better });
	// Without a baseline it is about the best and the second, else about the best of the others and the baseline.
	const [subject, other] = baseline === null ? [reference, next] : [next, reference];
	// Who wins is told against the one who loses, whose mean a part is of.
	const isBehind = toldOf(subject, other)?.told.verdict === "worse";
	const finding = isBehind ? toldOf(other, subject) : toldOf(subject, other);
	const power = finding?.told.verdict === "undecided" ? powerSentence(finding) : null;
	const marks = marksUnder(comparison, metric, better);
	return {
		...{ metric, title, better, reference: nameOf(reference), leastP: leastOf(result) },
		rows: ordered.map(({ group, mean, interval, seeds }) => {
			const against = group === reference ? null : (toldOf(group, reference)?.told ?? null);
			return { group, name: nameOf(group), mean, interval, seeds, against, mark: marks.get(group) ?? null };
		}),
		sentence: finding ? [sentenceOf(finding), power].filter(Boolean).join(" ") : "",
	};
}

/** Under which tests all of it was said. */
export function footnotesOf(comparison: ComparisonDetail): string[] {
	const { draws, groups, result } = comparison;
	if (!result) return [];
	const single = groups.filter((_, place) =>
		result.means.some(({ group, seeds, isClosedForm }) => group === place && seeds === 1 && !isClosedForm),
	);
	const [methods, runs] = markSentences(comparison, "*");
	const count = (n: number) => n.toLocaleString("en");
	return [
		`${methods}: p < 0.05, sign flips over ${count(result.users)} users, after Holm over ${count(result.family)} tests; where a model is trained with seeds, their interval is there and holds no 0. ${count(draws)} draws.`,
		`${runs}.`,
		"Intervals are 95 %: bootstrap over users, with several seeds over seeds and then users.",
		...(single.length > 0
			? [`One seed (${single.map(({ name }) => name).join(", ")}): these trained models are compared, not the methods.`]
			: []),
	];
}
