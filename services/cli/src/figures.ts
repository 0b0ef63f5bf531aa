// Means over seeds: how they are made, which is best, and how they are written.
import { betterOf, type Known } from "./metrics.js";

export interface Figure {
	mean: number;
	/** Sample deviation over the seeds; null of one. */
	deviation: number | null;
	n: number;
}

/** Null when there is no number at all. */
export function summarise(values: (number | null | undefined)[]): Figure | null {
	const known = values.filter((value): value is number => typeof value === "number" && Number.isFinite(value));
	if (known.length === 0) return null;
	const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
	const squares = known.reduce((sum, value) => sum + (value - mean) ** 2, 0);
	return { mean, deviation: known.length > 1 ? Math.sqrt(squares / (known.length - 1)) : null, n: known.length };
}

/** 1 for the best and 2 for the runner-up as printed, so that equal figures share a place; null for the others, and where no way is better. */
export function ranks(figures: (Figure | null)[], metric: string, known: Known[] = []): (1 | 2 | null)[] {
	const better = betterOf(metric, known);
	if (better === null) return figures.map(() => null);
	const printed = figures.map((figure) => (figure ? Number(figure.mean.toFixed(4)) : null));
	const direction = better === "lower" ? 1 : -1;
	const [first, second] = [...new Set(printed)].filter((value) => value !== null).sort((a, b) => direction * (a - b));
	return printed.map((value) => (value === null ? null : value === first ? 1 : value === second ? 2 : null));
}

export const decimals = (figure: Figure | null, plusMinus = " ± ") =>
	figure
		? `${figure.mean.toFixed(4)}${figure.deviation === null ? "" : `${plusMinus}${figure.deviation.toFixed(4)}`}`
		: "–";
