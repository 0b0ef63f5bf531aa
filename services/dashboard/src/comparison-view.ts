// What a page of a comparison shows, which stands in its address.
import type { Comparison, ListOverlap, PairDifference } from "@valence/client";
import { BAND } from "./findings";

type Pair = Pick<PairDifference, "group" | "baseline">;
export const pairKey = ({ group, baseline }: Pair) => `${group}-${baseline}`;

export function viewFrom(search: URLSearchParams, { metrics }: Pick<Comparison, "metrics">) {
	const asked = search.get("metric") ?? "";
	const percent = Number(search.get("band") || "NaN");
	return {
		metric: metrics.includes(asked) ? asked : (metrics[0] ?? ""),
		/** As a part. */
		band: percent >= 0 && percent <= 100 ? percent / 100 : BAND,
		pair: search.get("pair"),
	};
}

/** The pair that is asked for, else the first. */
export const pairOf = <P extends Pair>(pairs: P[], asked: string | null): P | undefined =>
	pairs.find((one) => pairKey(one) === asked) ?? pairs[0];

/** Of a pair, down to where the metric looks; as far as lists are kept where they do not reach that. */
export function overlapOf(overlaps: ListOverlap[], pair: Pair, depth: number): ListOverlap | undefined {
	const own = overlaps.filter((one) => pairKey(one) === pairKey(pair));
	return own.find((one) => one.depth === depth) ?? own.at(-1);
}

export interface OverlapRow {
	label: string;
	/** Of the items of a list, those that both have; null where there is only one list. */
	part: number | null;
}

/** Lists of two models beside those of two seeds of one: what chance alone changes. */
export const overlapRows = (overlap: ListOverlap, name: string, against: string): OverlapRow[] => [
	{ label: `${name} and ${against}`, part: overlap.overlap },
	{ label: `two seeds of ${name}`, part: overlap.withinGroup },
	{ label: `two seeds of ${against}`, part: overlap.withinBaseline },
];

export type Side = "less" | "same" | "more";

/** Bins as bars, each by the side of zero that it is on. */
export const bars = (histogram: PairDifference["histogram"]) =>
	histogram.map(({ from, to, users }) => {
		const [low, high] = [from ?? 0, to ?? 0];
		const side: Side = high <= 0 && low < 0 ? "less" : low >= 0 && high > 0 ? "more" : "same";
		return { low, high, users, side };
	});

/** Those of the axis: the bin that holds 0 says 0, and others stand evenly on either side of it; there is room for five. */
export function axisTicks(
	histogram: PairDifference["histogram"],
	tick: (value: number) => string,
): Map<number, string> {
	const middle = (histogram.length - 1) / 2;
	const step = Math.max(1, Math.floor(middle / 2));
	return new Map(
		[-2, -1, 0, 1, 2].flatMap((side): [number, string][] => {
			const { from, to } = histogram[middle + side * step] ?? {};
			if (from == null || to == null) return [];
			return [[middle + side * step, side === 0 ? "0" : tick((from + to) / 2)]];
		}),
	);
}

/** Where both lists of a user are side by side. */
export function listsPath(
	comparison: Pick<Comparison, "id" | "groups">,
	pair: Pair,
	user: string,
	metric: string,
): string {
	const first = (group: number) => comparison.groups[group]?.runs.find(({ isGone }) => !isGone)?.id ?? "";
	const search = new URLSearchParams({ user, metric, run: first(pair.group), against: first(pair.baseline) });
	return `/comparisons/${comparison.id}/lists?${search}`;
}

export const comparisonPath = (id: string) => `/comparisons/${id}`;
