// Which numbers of a table carry an interval and a mark: those of one comparison of exactly its groups.
import {
	type Comparison,
	type ComparisonDetail,
	type GroupMean,
	type Mark as Meaning,
	marksUnder,
} from "@valence/client";
import { betterOf, type Known } from "./measures";

/** Of a configuration, by its runs. */
export interface Tested {
	runs: { id: string }[];
}

const keyOf = (groups: Tested[]) =>
	groups
		.map(({ runs }) =>
			runs
				.map(({ id }) => id)
				.sort()
				.join(" "),
		)
		.sort()
		.join("\n");

/** Of those newest first, the first of those under most metrics: a look at one metric leaves the others their intervals. Two are
 * never mixed, as each has corrected for its own tests. */
export const comparisonOf = <C extends Pick<Comparison, "state" | "groups" | "metrics">>(
	comparisons: C[],
	groups: Tested[],
): C | undefined =>
	groups.length < 2
		? undefined
		: comparisons
				.filter((one) => one.state === "SUCCEEDED" && keyOf(one.groups) === keyOf(groups))
				.sort((a, b) => b.metrics.length - a.metrics.length)[0];

export interface Mark {
	mean: GroupMean;
	/** What is shown of it after correction: beside the baseline; where each is compared with each, of the best beside the second. */
	meaning: Meaning | undefined;
}

/** By a group's runs and a metric with its cut-off. */
export type Marks = (group: Tested, metric: string) => Mark | undefined;

export function marksOf(comparison: ComparisonDetail | undefined, known: Known[]): Marks {
	const meanings = new Map(
		(comparison?.metrics ?? []).map((metric) => [
			metric,
			marksUnder(comparison as ComparisonDetail, metric, betterOf(`.${metric}`, known) ?? null),
		]),
	);
	return (group, metric) => {
		const place = comparison?.groups.findIndex((one) => keyOf([one]) === keyOf([group])) ?? -1;
		const mean = comparison?.result?.means.find((one) => one.group === place && one.metric === metric);
		return mean && { mean, meaning: meanings.get(metric)?.get(place) };
	};
}

export const STAR = "★";
