// What a comparison has found, in plain sentences.
import type { ComparisonDetail, ComparisonResult, ConfidenceInterval, PairDifference } from "@valence/client";
import { metric as decimals, metricTitle } from "./format";
import { betterOf, type Known } from "./measures";

/** As a part: a difference that lies within it, whichever way, is no reason to choose. */
export const BAND = 0.01;

/** A difference with all that a sentence about it needs. */
export interface Finding extends PairDifference {
	name: string;
	against: string;
	/** Of the metric. */
	title: string;
	/** Undefined: neither way is. */
	better: ReturnType<typeof betterOf>;
	/** Mean of what it is compared with. */
	base: number | null;
	/** The one that says most: of seeds where there are several, else of users. */
	interval: ConfidenceInterval | null;
}

/** As found: pair after pair, each with its metrics. */
export function findingsOf(comparison: ComparisonDetail, known: Known[]): Finding[] {
	const { groups, result } = comparison;
	const nameOf = (group: number) => groups[group]?.name ?? `group ${group + 1}`;
	return (result?.differences ?? []).map((pair) => ({
		...pair,
		name: nameOf(pair.group),
		against: nameOf(pair.baseline),
		title: metricTitle(`.${pair.metric}`, known),
		better: betterOf(`.${pair.metric}`, known),
		base: meanOf(result as ComparisonResult, pair.baseline, pair.metric),
		interval: pair.seedsInterval ?? pair.usersInterval,
	}));
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

export const isPracticallyEqual = (finding: Finding, band: number) => {
	const within = relativeOf(finding.interval, finding.base);
	return within !== null && within.low >= -band && within.high <= band;
};

/** 0.031 is "3.1", and −0.004 "−0.4": the sign of a printer, not of a keyboard. */
const hundredths = (part: number) => {
	const text = (part * 100).toFixed(1);
	return text === "-0.0" ? "0.0" : text.replace("-", "−");
};
export const partText = (part: number | null) => (part === null ? "–" : `${hundredths(part)}\u00a0%`);
export const pText = (p: number | null) => (p === null ? "–" : p < 0.001 ? "below 0.001" : p.toFixed(3));
export const signed = (value: number | null) => decimals(value).replace("-", "−");

/** "3.1 % (2.2 to 4.0)"; of a mean of 0, which has no parts, as numbers. `turned` leaves the sign to the words. */
function amount(finding: Finding, turned: boolean): string {
	const { difference, relative, interval, base } = finding;
	const [sign, parts] = [turned ? -1 : 1, relativeOf(interval, base)];
	const span = (low: number, high: number, text: (value: number) => string) =>
		turned ? `${text(-high)} to ${text(-low)}` : `${text(low)} to ${text(high)}`;
	if (relative !== null && parts) return `${partText(sign * relative)} (${span(parts.low, parts.high, hundredths)})`;
	const size = signed(difference === null ? null : sign * difference);
	return interval?.low == null || interval.high === null
		? size
		: `${size} (${span(interval.low, interval.high, signed)})`;
}

/** The one sentence to take away. */
export function sentenceOf(finding: Finding, band = BAND): string {
	const { name, against, title, better, difference, verdict, isUnsettled } = finding;
	const isAbove = (difference ?? 0) > 0;
	const by = amount(finding, !isAbove);
	const side = isAbove ? "above" : "below";
	if (isPracticallyEqual(finding, band)) {
		const much = verdict !== "undecided" || isUnsettled ? "a difference is shown, but it is" : "the difference is";
		return `${name} and ${against} are practically equal in ${title}: ${much} less than ${partText(band)} whichever way, ${amount(finding, false)}.`;
	}
	const users = usersOf(finding);
	if (isUnsettled)
		return `On these users ${name} is ${side} ${against} in ${title}, but other seeds may turn it round: ${amount(finding, false)}; ${users}.`;
	if (verdict === "undecided") {
		const p = finding.pRandomisationHolm;
		return `No difference is shown between ${name} and ${against} in ${title}: ${amount(finding, false)}, p ${p === null ? "unknown" : pText(p)} after correction.`;
	}
	if (better === undefined) return `${name} is ${side} ${against} by ${by} in ${title}; ${users}.`;
	const less = better === "lower" ? ", where less is better" : "";
	return `${name} ${verdict === "better" ? "beats" : "is behind"} ${against} by ${by} in ${title}${less}; ${users}.`;
}

/** The service counts as won whoever is better off, and whoever has more where neither way is better. */
function usersOf({ better, won, tied, lost }: Finding): string {
	const ofHundred = (part: number) => Math.round((100 * part) / Math.max(1, won + tied + lost));
	return better === undefined
		? `about ${ofHundred(won)} of 100 users have more, ${ofHundred(lost)} less`
		: `about ${ofHundred(won)} of 100 users gain, ${ofHundred(lost)} lose`;
}

/** Of users who have won, tied and lost. */
export const wonWords = (better: Finding["better"]): [won: string, tied: string, lost: string] =>
	better === undefined ? ["with more", "the same", "with less"] : ["better off", "the same", "worse off"];

/** What seeds allow to be said; null where several stand behind both. */
export function seedsNote({ seedsInterval, pSeeds, name, against }: Finding): string | null {
	if (seedsInterval === null)
		return "One seed each: this says that these two trainings differ on these users, not that one model is better than the other. Train more seeds to say that.";
	if (pSeeds === null)
		return `Only one of ${name} and ${against} has several seeds: how much the other's chance matters is not known, unless it has none.`;
	return null;
}

/** More steps than these say nothing new. */
const STEPS = 5;

/** From which size on a difference between the methods would be detected, by seeds as unlike as these. */
export function powerSentence({ detectable }: Pick<PairDifference, "detectable">): string | null {
	const parts = detectable
		.filter(({ relative }) => relative !== null)
		.slice(0, STEPS)
		.map(({ moreSeeds, relative }) =>
			moreSeeds === 0
				? `from ${partText(relative)} on`
				: `with ${moreSeeds} more ${moreSeeds === 1 ? "seed" : "seeds"} of each from ${partText(relative)}`,
		);
	return parts.length === 0
		? null
		: `With seeds that differ as these do, a difference between the methods would be detected ${parts.join(", ")} (at 5\u00a0% with a power of 80\u00a0%).`;
}

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
