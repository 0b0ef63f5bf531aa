// What a comparison says, metric by metric: who is ahead of whom, by how much, and whether that is more than chance.
import type { ComparisonDetail, ComparisonResult, GroupMean, PairDifference } from "@valence/client";
import { betterOf, type Known, titleOf } from "./metrics.js";

type Told = PairDifference["verdict"];
const TURNED: Record<Told, Told> = {
	better: "worse",
	worse: "better",
	more: "less",
	less: "more",
	undecided: "undecided",
};

interface Interval {
	low: number;
	high: number;
}
/** A group beside the one that it is told against. */
export interface Against {
	difference: number;
	/** As a part of the other's mean; null where that is 0. */
	relative: number | null;
	/** Of `relative`, or where there is none of `difference`; null where there is none. */
	interval: Interval | null;
	/** Sign flips over users, after Holm over all tests of the comparison. */
	p: number | null;
	effect: number | null;
	/** Users who are better off, the same, worse off; where neither way is better, who have more, the same, less. */
	gain: number;
	tie: number;
	lose: number;
	/** The service's, of the group beside the other. */
	verdict: Told;
	isUnsettled: boolean;
	/** What more seeds of each would show. */
	detectable: PairDifference["detectable"];
}
export interface Row {
	/** Place in the groups of the comparison. */
	group: number;
	name: string;
	mean: number | null;
	interval: Interval | null;
	seeds: number;
	/** Null of the one that all are told against. */
	against: Against | null;
	/** Shown to be better than the baseline; without one only the best is marked, where it is better than the second. */
	isMarked: boolean;
}
export interface Verdict {
	metric: string;
	title: string;
	better: "higher" | "lower" | null;
	/** The best first. */
	rows: Row[];
	/** Whom the others are told against: the baseline, or without one the best. */
	reference: string;
	sentence: string;
}

export function verdictsOf(comparison: ComparisonDetail, known: Known[]): Verdict[] {
	const { result } = comparison;
	return result ? comparison.metrics.map((metric) => verdictOf(comparison, result, metric, known)) : [];
}

function verdictOf(
	{ groups, baseline }: ComparisonDetail,
	result: ComparisonResult,
	metric: string,
	known: Known[],
): Verdict {
	const better = betterOf(metric, known);
	const sign = better === "lower" ? -1 : 1;
	const value = ({ mean }: GroupMean) => (mean === null ? Number.NEGATIVE_INFINITY : sign * mean);
	const ordered = result.means.filter((one) => one.metric === metric).sort((a, b) => value(b) - value(a) || 0);
	const nameOf = (group: number) => groups[group]?.name ?? "";
	const reference = baseline ?? ordered[0]?.group ?? 0;
	const next = ordered.find(({ group }) => group !== reference)?.group ?? reference;
	const toldOf = (group: number, other: number) => againstOf(result, metric, group, other);
	const isAhead = (against: Against | null) => against?.verdict === "better";
	// Without a baseline it is about the best and the second, else about the best of the others and the baseline.
	const [subject, other] = baseline === null ? [reference, next] : [next, reference];
	const told = toldOf(subject, other);
	// Who wins is told against the one who loses, whose mean a part is of.
	const [first, second] = told?.verdict === "worse" ? [other, subject] : [subject, other];
	const inWords = toldOf(first, second);
	const title = titleOf(metric, known);
	return {
		...{ metric, title, better, reference: nameOf(reference) },
		rows: ordered.map(({ group, mean, interval, seeds }) => {
			const against = group === reference ? null : toldOf(group, reference);
			const isMarked = baseline === null ? group === reference && isAhead(told) : isAhead(against);
			return { group, name: nameOf(group), mean, interval: whole(interval), seeds, against, isMarked };
		}),
		sentence: inWords ? sentenceOf(nameOf(first), nameOf(second), title, inWords, better, result.users) : "",
	};
}

const whole = (interval: { low: number | null; high: number | null } | null): Interval | null =>
	interval === null || interval.low === null || interval.high === null
		? null
		: { low: interval.low, high: interval.high };

/** Of a pair as it was tested, or the other way round; null where it was not. */
export function againstOf(
	{ means, differences }: ComparisonResult,
	metric: string,
	group: number,
	other: number,
): Against | null {
	const pair = (a: number, b: number) =>
		differences.find((one) => one.metric === metric && one.group === a && one.baseline === b);
	const straight = pair(group, other);
	const tested = straight ?? pair(other, group);
	if (!tested || tested.difference === null) return null;
	const turn = straight ? 1 : -1;
	const difference = turn * tested.difference;
	const otherMean = means.find((one) => one.metric === metric && one.group === other)?.mean;
	const scale = otherMean ? 1 / Math.abs(otherMean) : null;
	const ends = whole(tested.seedsInterval) ?? whole(tested.usersInterval);
	const [low, high] = ends ? [turn * ends.low, turn * ends.high].sort((a, b) => a - b) : [];
	const [gain, lose] = straight ? [tested.won, tested.lost] : [tested.lost, tested.won];
	return {
		difference,
		relative: scale === null ? null : difference * scale,
		interval: low === undefined || high === undefined ? null : { low: low * (scale ?? 1), high: high * (scale ?? 1) },
		p: tested.pRandomisationHolm,
		effect: tested.effect === null ? null : turn * tested.effect,
		gain,
		tie: tested.tied,
		lose,
		verdict: straight ? tested.verdict : TURNED[tested.verdict],
		isUnsettled: tested.isUnsettled,
		detectable: tested.detectable,
	};
}

function sentenceOf(
	name: string,
	other: string,
	title: string,
	against: Against,
	better: Verdict["better"],
	users: number,
): string {
	const { difference, verdict, isUnsettled } = against;
	const [gain, lose] = [against.gain, against.lose].map((n) => Math.round((100 * n) / users));
	const who =
		better === null
			? `about ${gain} of 100 users have more, ${lose} less`
			: `about ${gain} of 100 users gain, ${lose} lose`;
	if (verdict === "undecided") {
		const power = powerOf(against);
		if (!isUnsettled)
			return `No difference is shown: ${name} against ${other}: ${amountOf(against)} in ${title}.${power}`;
		const side = difference > 0 ? "above" : "below";
		return `On these users ${name} is ${side} ${other} in ${title}, but other seeds may turn it round: ${amountOf(against)}; ${who}.${power}`;
	}
	if (better === null) return `${name} has ${verdict} ${title} than ${other}: ${amountOf(against, true)}; ${who}.`;
	return `${name} beats ${other} by ${amountOf(against, true)} in ${title}; ${who}.`;
}

/** From which size on a difference between the methods would be detected, by seeds as unlike as these. */
function powerOf({ detectable }: Against): string {
	const parts = detectable.flatMap(({ moreSeeds, relative }) => {
		if (relative === null) return [];
		const seeds = `${moreSeeds} more ${moreSeeds === 1 ? "seed" : "seeds"} of each`;
		return [moreSeeds === 0 ? `from ${percent(relative)} on` : `with ${seeds} from ${percent(relative)}`];
	});
	// The steps between these say nothing new.
	const told = [...new Set([parts.at(0), parts.at(-1)])].filter((part) => part !== undefined);
	return told.length === 0
		? ""
		: ` With seeds that differ as these do, a difference between the methods would be detected ${told.join(", ")} (at 5 % with a power of 80 %).`;
}

/** 3.1 % (2.2 % to 4.0 %); without its direction where the words have it. */
export function amountOf({ difference, relative, interval }: Against, isBare = false): string {
	const turn = isBare && difference < 0 ? -1 : 1;
	const written = (value: number) => (relative === null ? value.toFixed(4) : percent(value));
	const signed = (value: number) => (!isBare && value > 0 ? `+${written(value)}` : written(value));
	const [low, high] = interval ? [turn * interval.low, turn * interval.high].sort((a, b) => a - b) : [];
	const ends = low === undefined || high === undefined ? "" : ` (${signed(low)} to ${signed(high)})`;
	return `${signed(turn * (relative ?? difference))}${ends}`;
}

const percent = (part: number) => `${(100 * part).toFixed(1)} %`;

export const probability = (p: number | null) => (p === null ? "–" : p < 0.0001 ? "<0.0001" : p.toFixed(4));

/** Under which tests all of it was said. `closed`: models that give the same with every seed. */
export function footnotesOf({ groups, baseline, draws, result }: ComparisonDetail, closed: Set<string>): string[] {
	if (!result) return [];
	const seeds = new Map(result.means.map((mean) => [mean.group, mean.seeds]));
	const single = groups.filter(({ model }, place) => seeds.get(place) === 1 && !closed.has(model));
	const star = baseline === null ? "the best is better than the second" : `better than ${groups[baseline]?.name}`;
	const count = (n: number) => n.toLocaleString("en");
	return [
		`* ${star}: p < 0.05, sign flips over ${count(result.users)} users, after Holm over ${count(result.family)} tests; with several seeds their interval holds no 0. ${count(draws)} draws.`,
		"Intervals are 95 %: bootstrap over users, with several seeds over seeds and then users.",
		...(single.length > 0
			? [`One seed (${single.map(({ name }) => name).join(", ")}): these trained models are compared, not the methods.`]
			: []),
	];
}
