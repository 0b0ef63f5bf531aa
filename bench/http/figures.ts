// What one load said of a subject, and the medians of its repeats.

/** Latencies in milliseconds. What was never answered stands among them with the time it had waited at least. */
export interface Figures {
	/** Answers a second with a status of 2xx. */
	rate: number;
	answered: number;
	/** Another status than 2xx, or a connection that broke. */
	failed: number;
	/** Still waiting when the load ended; only an open loop waits for them, and only for a while. */
	unanswered: number;
	p50: number;
	p99: number;
	p999: number;
	max: number;
}

export interface Observed {
	latencies: number[];
	rate: number;
	failed: number;
	unanswered: number;
}

/** The value that `share` of the sorted ones do not exceed (nearest rank). NaN of none. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
	return sorted[Math.max(Math.ceil(share * sorted.length) - 1, 0)] ?? Number.NaN;
}

export function median(values: number[]): number {
	const sorted = values.filter((value) => !Number.isNaN(value)).sort((a, b) => a - b);
	const middle = sorted.length / 2;
	return sorted.length % 2 === 1
		? (sorted[Math.floor(middle)] as number)
		: ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

export function figuresOf({ latencies, rate, failed, unanswered }: Observed): Figures {
	const sorted = Float64Array.from(latencies).sort();
	return {
		rate,
		answered: latencies.length - unanswered,
		failed,
		unanswered,
		p50: quantile(sorted, 0.5),
		p99: quantile(sorted, 0.99),
		p999: quantile(sorted, 0.999),
		max: quantile(sorted, 1),
	};
}

/** Medians of rates and latencies; counts, of failures above all, are of all repeats together. */
export function mediansOf(repeats: Figures[]): Figures {
	const of = (name: keyof Figures) => repeats.map((figures) => figures[name]);
	const sum = (name: keyof Figures) => of(name).reduce((total, value) => total + value, 0);
	return {
		rate: median(of("rate")),
		answered: sum("answered"),
		failed: sum("failed"),
		unanswered: sum("unanswered"),
		p50: median(of("p50")),
		p99: median(of("p99")),
		p999: median(of("p999")),
		max: Math.max(...of("max")),
	};
}
