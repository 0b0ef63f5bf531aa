// Numbers, names and times as people read them.
export const count = (value: number | null | undefined) => (value == null ? "–" : value.toLocaleString("en"));
export const metric = (value: number | null | undefined) => (value == null ? "–" : value.toFixed(4));
/** Short enough for an axis. */
export const tick = (value: number) => String(Number(value.toPrecision(3)));
/** A number and its unit stay on one line. */
export const percent = (value: number) => `${(value * 100).toFixed(value > 0 && value < 0.1 ? 1 : 0)}\u00a0%`;
export const plain = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

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

/** "test.recall@20" → "Test Recall@20". */
export function metricTitle(key: string): string {
	const [split = "", name = ""] = key.split(".");
	const measure = name.replace("ndcg", "NDCG").replace("recall", "Recall").replace("uniformity", "Uniformity");
	return `${splitTitle(split)} ${measure}`.trim();
}
export const splitTitle = (split: string) =>
	({ valid: "Validation", train: "Training" })[split] ?? split.charAt(0).toUpperCase() + split.slice(1);

/** Metrics in the order they are read: test before validation, recall before NDCG, small cut-offs first. */
export function byReading(a: string, b: string): number {
	const rank = (key: string) => {
		const [split = "", name = ""] = key.split(".");
		const [measure = "", cutoff = "0"] = name.split("@");
		return [
			["test", "valid", "train"].indexOf(split),
			["recall", "ndcg", "uniformity", "loss"].indexOf(measure),
			Number(cutoff),
		];
	};
	const [left, right] = [rank(a), rank(b)];
	const at = left.findIndex((value, index) => value !== right[index]);
	return at < 0 ? a.localeCompare(b) : (left[at] ?? 0) - (right[at] ?? 0);
}
