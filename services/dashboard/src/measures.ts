// What is measured: names of metrics taken apart, their order, and which way is better. What the service says of them decides.
import type { MetricDefinition } from "@valence/client";

export type Known = Pick<MetricDefinition, "name" | "title" | "better">;

/** "test.recall@20" → test, recall, 20 */
export function partsOf(key: string): { split: string; measure: string; cutoff: string } {
	const [split = "", name = ""] = key.split(".");
	const [measure = "", cutoff = ""] = name.split("@");
	return { split, measure, cutoff };
}

/** Undefined: neither way is. */
export function betterOf(key: string, known: Known[]): "higher" | "lower" | undefined {
	const { measure } = partsOf(key);
	const definition = known.find(({ name }) => name === measure);
	if (definition) return definition.better ?? undefined;
	return ["uniformity", "loss"].includes(measure) ? "lower" : "higher";
}

/** Metrics as they are read: test before validation, recall and NDCG before all others, small cut-offs first. */
export function readingOrder(known: Known[]): (a: string, b: string) => number {
	const measures = [...new Set(["recall", "ndcg", ...known.map(({ name }) => name), "uniformity", "loss"])];
	const rank = (key: string) => {
		const { split, measure, cutoff } = partsOf(key);
		const place = measures.indexOf(measure);
		return [["test", "valid", "train"].indexOf(split), place < 0 ? measures.length : place, Number(cutoff)];
	};
	return (a, b) => {
		const [left, right] = [rank(a), rank(b)];
		const at = left.findIndex((value, index) => value !== right[index]);
		return at < 0 ? a.localeCompare(b) : (left[at] ?? 0) - (right[at] ?? 0);
	};
}

/** Each once, in the order of the metrics. */
export const measuresOf = (keys: string[]) => [...new Set(keys.map((key) => partsOf(key).measure))];

/** Measures that a table shows unasked: more columns are hard to read. */
const SHOWN = 4;
/** The metrics of the chosen measures; of the first ones where nobody has chosen. */
export function shownOf(keys: string[], chosen: string[] | null): string[] {
	const shown = chosen ?? measuresOf(keys).slice(0, SHOWN);
	return keys.filter((key) => shown.includes(partsOf(key).measure));
}
