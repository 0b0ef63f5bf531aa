// What a chart draws of a search: the values of its trials in their order, and the best so far.
import { type Ending, endingOf, type SearchTrial } from "@valence/client";

export interface HistoryPoint {
	number: number;
	/** Where it is drawn: a trial that came to nothing lies at the foot. */
	value: number;
	/** Null: it came to nothing. */
	measured: number | null;
	ending: Ending;
}

export interface HistoryRows {
	points: HistoryPoint[];
	/** A step at each trial from the first that has a best. */
	best: { number: number; value: number }[];
}

type Told = Pick<SearchTrial, "number" | "state" | "stopReason" | "value" | "bestSoFar">;

/** Trials that wait, and those that run and have no value yet, are not drawn. */
export function historyRows(history: Told[]): HistoryRows {
	const values = history.flatMap(({ value }) => value ?? []);
	const foot = values.length > 0 ? Math.min(...values) : 0;
	const points = history.flatMap((trial): HistoryPoint[] => {
		const ending = endingOf(trial);
		const isLost = ending === "failed" || ending === "cancelled";
		if (trial.value === null && !isLost) return [];
		return [{ number: trial.number, value: trial.value ?? foot, measured: trial.value, ending }];
	});
	const best = history.flatMap(({ number, bestSoFar }) => (bestSoFar === null ? [] : [{ number, value: bestSoFar }]));
	return { points, best };
}
