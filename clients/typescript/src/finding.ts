// What a comparison has found of two groups under one metric, in numbers and in a sentence: the same words in every client.
import type { ComparisonDetail, ComparisonResult, GroupMean, PairDifference } from "./generated/openapi.js";

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
	/** Of `relative`, or where there is none of `difference`; null where there is none. That over seeds where there is one. */
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
	/** What more seeds would show. */
	detectable: PairDifference["detectable"];
}

/** With all that a sentence needs. */
export interface Finding {
	name: string;
	against: string;
	/** Of the metric. */
	title: string;
	/** Null: neither way is. */
	better: "higher" | "lower" | null;
	told: Against;
	/** Those of the two that chance trains, with how many seeds each has: closed forms are none. */
	trained: { name: string; seeds: number }[];
	/** The smallest p that the draws can tell of, after correction. */
	leastP: number;
}

const whole = (interval: PairDifference["usersInterval"]): Interval | null =>
	interval === null || interval.low === null || interval.high === null
		? null
		: { low: interval.low, high: interval.high };

/** Of a pair as it was tested, or the other way round; null where it was not. */
export function againstOf(
	{ means, differences }: Pick<ComparisonResult, "means" | "differences">,
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
	const otherMean = meanOf(means, other, metric)?.mean;
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

const meanOf = (means: GroupMean[], group: number, metric: string) =>
	means.find((one) => one.group === group && one.metric === metric);

/** Null where the pair was not tested. */
export function findingOf(
	{ groups, result }: Pick<ComparisonDetail, "groups" | "result">,
	metric: string,
	[group, other]: [group: number, other: number],
	{ title, better }: Pick<Finding, "title" | "better">,
): Finding | null {
	const told = result && againstOf(result, metric, group, other);
	if (!told) return null;
	const nameOf = (place: number) => groups[place]?.name ?? `group ${place + 1}`;
	const trained = [group, other].flatMap((place) => {
		const mean = meanOf(result.means, place, metric);
		return mean && !mean.isClosedForm ? [{ name: nameOf(place), seeds: mean.seeds }] : [];
	});
	return { name: nameOf(group), against: nameOf(other), title, better, told, trained, leastP: leastOf(result) };
}

/** Sign flips count what was seen as one of the draws, on either side, and Holm multiplies the smallest by all tests. */
export const leastOf = ({ draws, family }: Pick<ComparisonResult, "draws" | "family">) =>
	Math.min(1, (2 * family) / (draws + 1));

/** Of a p value: more draws would make one that is as small as it can be smaller still. */
export function probability(p: number | null, least = 0): string {
	if (p === null) return "–";
	if (p < 0.001) return "< 0.001";
	// Upwards: a bound that is rounded down is none.
	if (p <= least * (1 + 1e-9)) return `≤ ${(Math.ceil(Number((p * 1000).toPrecision(9))) / 1000).toFixed(3)}`;
	return p.toFixed(3);
}

const signed = (text: string) => (/^-0\.?0*$/.test(text) ? text.slice(1) : text.replace("-", "−"));
const hundredths = (part: number) => signed((100 * part).toFixed(1));

/** "3.1 % (2.2 to 4.0)"; of a mean of 0, which has no parts, as numbers. isBare: without its direction, which the words have. */
export function amountOf(
	{ difference, relative, interval }: Pick<Against, "difference" | "relative" | "interval">,
	isBare = false,
): string {
	const turn = isBare && difference < 0 ? -1 : 1;
	const [written, unit] = relative === null ? [(value: number) => signed(value.toFixed(4)), ""] : [hundredths, " %"];
	const size = `${written(turn * (relative ?? difference))}${unit}`;
	if (!interval) return size;
	const [low, high] = [turn * interval.low, turn * interval.high].sort((a, b) => a - b) as [number, number];
	return `${size} (${written(low)} to ${written(high)})`;
}

/** Whether the whole interval lies within so small a part, whichever way, that it is no reason to choose. */
export const isPracticallyEqual = ({ relative, interval }: Pick<Against, "relative" | "interval">, band: number) =>
	relative !== null && interval !== null && interval.low >= -band && interval.high <= band;

/** The one sentence to take away. band: what is called practically equal, where anything is. */
export function sentenceOf(finding: Finding, band?: number): string {
	const { name, against, title, better, told, leastP } = finding;
	const { difference, verdict, isUnsettled } = told;
	const side = difference > 0 ? "above" : "below";
	if (band !== undefined && isPracticallyEqual(told, band)) {
		const much = verdict !== "undecided" || isUnsettled ? "a difference is shown, but it is" : "the difference is";
		return `${name} and ${against} are practically equal in ${title}: ${much} less than ${hundredths(band)} % whichever way, ${amountOf(told)}.`;
	}
	const users = usersOf(finding);
	if (isUnsettled)
		return `In these runs ${name} is ${side} ${against} in ${title}, but other seeds may turn it round: ${amountOf(told)}; ${users}.`;
	if (verdict === "undecided")
		return `No difference is shown between ${name} and ${against} in ${title}: ${amountOf(told)}, p ${told.p === null ? "unknown" : probability(told.p, leastP)} after correction.`;
	const by = amountOf(told, true);
	if (better === null) return `${name} is ${side} ${against} by ${by} in ${title}; ${users}.`;
	const less = better === "lower" ? ", where less is better" : "";
	return `${name} ${verdict === "better" ? "beats" : "is behind"} ${against} by ${by} in ${title}${less}; ${users}.`;
}

function usersOf({ better, told: { gain, tie, lose } }: Finding): string {
	const ofHundred = (part: number) => Math.round((100 * part) / Math.max(1, gain + tie + lose));
	return better === null
		? `about ${ofHundred(gain)} of 100 users have more, ${ofHundred(lose)} less`
		: `about ${ofHundred(gain)} of 100 users gain, ${ofHundred(lose)} lose`;
}

/** What one seed keeps from being said; null where none does. */
export function oneSeedSentence({ trained }: Pick<Finding, "trained">): string | null {
	const single = trained.filter(({ seeds }) => seeds < 2).map(({ name }) => name);
	if (single.length === 0) return null;
	const [who, of] = single.length > 1 ? ["have one seed each", "both"] : ["has one seed", "it"];
	return `${single.join(" and ")} ${who}: what is shown is of these runs, not of the models. Train more seeds of ${of} to say more.`;
}

/** Seeds that are told of: now, soon, and about as many as anybody trains. */
const MORE_SEEDS = [0, 2, 10];

/** From which size on a difference between the methods would be detected, by seeds as unlike as these. */
export function powerSentence({ told: { detectable }, trained }: Pick<Finding, "told" | "trained">): string | null {
	const of = trained.length === 1 ? trained[0]?.name : "each";
	const parts = detectable.flatMap(({ moreSeeds, relative }) => {
		if (relative === null || !MORE_SEEDS.includes(moreSeeds)) return [];
		const from = `from ${hundredths(relative)} %`;
		return [moreSeeds === 0 ? `${from} on` : `with ${moreSeeds} more seeds of ${of} ${from}`];
	});
	return parts.length === 0
		? null
		: `With seeds that differ as these do, a difference between the methods would be detected ${parts.join(", ")} (at 5 % with a power of 80 %).`;
}
