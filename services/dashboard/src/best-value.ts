// Which of several values of a metric is the best.
import { betterOf, type Known } from "./measures";

/** Undefined when there is no value at all, and where neither way is better. */
export function bestValue(
	metric: string,
	values: (number | null | undefined)[],
	known: Known[] = [],
): number | undefined {
	const better = betterOf(metric, known);
	const there = values.filter((value) => value !== null && value !== undefined);
	if (there.length === 0 || better === undefined) return undefined;
	return better === "lower" ? Math.min(...there) : Math.max(...there);
}
