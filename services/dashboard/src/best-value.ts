// Which of several values of a metric is the best.
const LOWER_IS_BETTER = /\.(uniformity|loss)$/;

/** Undefined when there is no value at all. */
export function bestValue(metric: string, values: (number | null | undefined)[]): number | undefined {
	const known = values.filter((value) => value !== null && value !== undefined);
	if (known.length === 0) return undefined;
	return LOWER_IS_BETTER.test(metric) ? Math.min(...known) : Math.max(...known);
}
