// What a comparison has found, pair by pair, as its page shows it; the words are those of every client.
import {
	type ComparisonDetail,
	type ComparisonResult,
	type ConfidenceInterval,
	findingOf,
	isPracticallyEqual as isWithin,
	type PairDifference,
	powerSentence as power,
	probability,
	sentenceOf as sentence,
	type Finding as Told,
} from "@valence/client";
import { metric as decimals, metricTitle } from "./format";
import { betterOf, type Known } from "./measures";

/** As a part: a difference that lies within it, whichever way, is no reason to choose. */
export const BAND = 0.01;

/** A difference with all that a sentence about it needs. */
export interface Finding extends PairDifference, Told {
	/** Mean of what it is compared with. */
	base: number | null;
	/** The one that says most: of seeds where there are several, else of users. */
	interval: ConfidenceInterval | null;
}

/** As found: pair after pair, each with its metrics; without a pair of which nothing is known. */
export function findingsOf(comparison: ComparisonDetail, known: Known[]): Finding[] {
	return (comparison.result?.differences ?? []).flatMap((pair) => {
		const { metric, group, baseline } = pair;
		const better = betterOf(`.${metric}`, known) ?? null;
		const told = findingOf(comparison, metric, [group, baseline], { title: metricTitle(`.${metric}`, known), better });
		const base = meanOf(comparison.result as ComparisonResult, baseline, metric);
		return told ? [{ ...pair, ...told, base, interval: pair.seedsInterval ?? pair.usersInterval }] : [];
	});
}

const meanOf = ({ means }: ComparisonResult, group: number, metric: string) =>
	means.find((one) => one.group === group && one.metric === metric)?.mean ?? null;

/** As parts of the baseline's mean; null where that is 0 or not known. */
export function relativeOf(
	interval: ConfidenceInterval | null,
	base: number | null,
): { low: number; high: number } | null {
	if (!interval || interval.low === null || interval.high === null || !base) return null;
	const [low, high] = [interval.low / base, interval.high / base];
	return low <= high ? { low, high } : { low: high, high: low };
}

/** A number and its unit stay on one line. */
const kept = (text: string) => text.replace(/ %/g, "\u00a0%");
export const sentenceOf = (finding: Finding, band = BAND) => kept(sentence(finding, band));
export const powerSentence = (finding: Pick<Finding, "told" | "trained">) => {
	const said = power(finding);
	return said === null ? null : kept(said);
};
export const isPracticallyEqual = ({ told }: Finding, band: number) => isWithin(told, band);

/** 0.031 is "3.1", and −0.004 "−0.4": the sign of a printer, not of a keyboard. */
const hundredths = (part: number) => {
	const text = (part * 100).toFixed(1);
	return text === "-0.0" ? "0.0" : text.replace("-", "−");
};
export const partText = (part: number | null) => (part === null ? "–" : `${hundredths(part)}\u00a0%`);
/** After correction, of sign flips: bounded by how many were drawn. */
export const pText = ({ pRandomisationHolm, leastP }: Pick<Finding, "pRandomisationHolm" | "leastP">) =>
	probability(pRandomisationHolm, leastP);
export const signed = (value: number | null) => decimals(value).replace("-", "−");

/** Of users who have won, tied and lost. */
export const wonWords = (better: Finding["better"]): [won: string, tied: string, lost: string] =>
	better === null ? ["with more", "the same", "with less"] : ["better off", "the same", "worse off"];

/** Of the group beside the other, in a word or two. */
export const verdictText = ({ verdict, isUnsettled, difference }: PairDifference) =>
	verdict !== "undecided"
		? verdict
		: isUnsettled
			? `${(difference ?? 0) > 0 ? "above" : "below"} in these runs`
			: "not shown";

const plural = (n: number, one: string) => `${n.toLocaleString("en")} ${n === 1 ? one : `${one}s`}`;

/** How it was tested. */
export function footnoteOf({ groups, metrics, draws, seed, baseline, result }: ComparisonDetail): string {
	const pairs = baseline === null ? (groups.length * (groups.length - 1)) / 2 : groups.length - 1;
	const seeds = groups.map(({ name, runs }) => `${name} ${runs.map((run) => run.seed).join(", ")}`).join("; ");
	return [
		`Paired over ${plural(result?.users ?? 0, "user")}, each user's mean over seeds.`,
		`Intervals of 95\u00a0%: bootstrap (${result?.intervalMethod === "percentile" ? "percentiles" : "BCa"}) over users; with several seeds these are drawn first, then users.`,
		`p by sign flips, ${plural(draws, "draw")} (seed ${seed}), after Holm over ${plural(result?.family ?? 0, "test")}: ${plural(pairs, "pair")} × ${plural(metrics.length, "metric")}.`,
		`Seeds: ${seeds}.`,
	].join(" ");
}
