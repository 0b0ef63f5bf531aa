// Which numbers of a table carry an interval and a star: those of the newest comparison of exactly its groups.
import type { Comparison, ComparisonDetail, GroupMean } from "@valence/client";
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

/** Of those newest first. */
export const comparisonOf = <C extends Pick<Comparison, "state" | "groups">>(comparisons: C[], groups: Tested[]) =>
	groups.length < 2
		? undefined
		: comparisons.find((one) => one.state === "SUCCEEDED" && keyOf(one.groups) === keyOf(groups));

export interface Mark {
	mean: GroupMean;
	/** Better after correction: than the baseline; where each is compared with each, the best than the second. */
	hasStar: boolean;
}

/** By a group's runs and a metric with its cut-off. */
export type Marks = (group: Tested, metric: string) => Mark | undefined;

export function marksOf(comparison: ComparisonDetail | undefined, known: Known[]): Marks {
	const stars = new Map(
		(comparison?.metrics ?? []).map((metric) => [metric, starred(comparison as ComparisonDetail, metric, known)]),
	);
	return (group, metric) => {
		const place = comparison?.groups.findIndex((one) => keyOf([one]) === keyOf([group])) ?? -1;
		const mean = comparison?.result?.means.find((one) => one.group === place && one.metric === metric);
		return mean && { mean, hasStar: stars.get(metric)?.has(place) ?? false };
	};
}

/** Places of the groups that are better after correction. */
function starred({ result, baseline }: ComparisonDetail, metric: string, known: Known[]): Set<number> {
	const better = betterOf(`.${metric}`, known);
	if (!result || better === undefined) return new Set();
	const sign = better === "higher" ? 1 : -1;
	const under = result.differences.filter((one) => one.metric === metric);
	if (baseline !== null) return new Set(under.filter(({ verdict }) => verdict === "better").map(({ group }) => group));
	const [best, second] = result.means
		.filter((one) => one.metric === metric && one.mean !== null)
		.sort((a, b) => sign * ((b.mean ?? 0) - (a.mean ?? 0)));
	if (!best || !second) return new Set();
	const isAhead = under.some(
		({ group, baseline: against, verdict }) =>
			(group === best.group && against === second.group && verdict === "better") ||
			(group === second.group && against === best.group && verdict === "worse"),
	);
	return isAhead ? new Set([best.group]) : new Set();
}

/** What a star says. */
export const starSentence = ({ baseline, groups }: Pick<Comparison, "baseline" | "groups">) =>
	baseline === null
		? "★ the best, better than the second after correction"
		: `★ better than ${groups[baseline]?.name ?? "the baseline"} after correction`;
