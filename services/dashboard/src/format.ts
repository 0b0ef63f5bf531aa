// Numbers, names and times as people read them.
import { plain } from "@valence/client";
import { type Known, partsOf } from "./measures";

export const count = (value: number | null | undefined) => (value == null ? "–" : value.toLocaleString("en"));
export const metric = (value: number | null | undefined) => (value == null ? "–" : value.toFixed(4));
/** Short enough for an axis. */
export const tick = (value: number) => String(Number(value.toPrecision(3)));
/** A number and its unit stay on one line. */
export const percent = (value: number) => `${(value * 100).toFixed(value > 0 && value < 0.1 ? 1 : 0)}\u00a0%`;
/** A value of a configuration where there is little room: of a fraction what tells it apart. */
export const brief = (value: unknown) =>
	typeof value === "number" && !Number.isInteger(value) ? String(Number(value.toPrecision(4))) : plain(value);

export function bytes(value: number | null | undefined): string {
	if (value == null) return "–";
	if (value < 2 ** 20) return `${(value / 2 ** 10).toFixed(1)} KiB`;
	return value < 2 ** 30 ? `${(value / 2 ** 20).toFixed(1)} MiB` : `${(value / 2 ** 30).toFixed(1)} GiB`;
}

export function duration(seconds: number | null | undefined): string {
	if (seconds == null) return "–";
	if (seconds < 90) return `${Math.round(seconds)} s`;
	return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export const when = (iso: string) =>
	new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

const TITLES: Record<string, string> = { recall: "Recall", ndcg: "NDCG", uniformity: "Uniformity" };

/** "test.recall@20" → "Test Recall@20". */
export function metricTitle(key: string, known: Known[] = []): string {
	const { split, measure, cutoff } = partsOf(key);
	const title = known.find(({ name }) => name === measure)?.title ?? TITLES[measure] ?? measure;
	return `${splitTitle(split)} ${title}${cutoff && `@${cutoff}`}`.trim();
}
export const splitTitle = (split: string) =>
	({ valid: "Validation", train: "Training" })[split] ?? split.charAt(0).toUpperCase() + split.slice(1);
