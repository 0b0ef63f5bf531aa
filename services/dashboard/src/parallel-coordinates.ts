// Trials as lines across one axis a field, and one for the value: where axes and lines lie, in parts of a plot.
import { plain, type SearchDimension, type SearchTrial } from "@valence/client";
import { metric, tick } from "./format";

export interface Axis {
	title: string;
	/** "log" where even steps are even factors. */
	note: string;
	/** From 0 at the low end to 1; null: the value is not on it. */
	place: (value: unknown) => number | null;
	ticks: { at: number; text: string }[];
}

export interface TrialLine {
	number: number;
	/** From 0 to 1, one an axis. */
	places: number[];
	/** From 0, the worst value, to 1, the best. */
	merit: number;
}

/** Of an axis, or of the part of it that a category has. */
const MIDDLE = 0.5;

/** The fields in the order of the space, then the value. */
export function axesOf(space: Record<string, SearchDimension>, title: string, values: number[]): Axis[] {
	const fields = Object.entries(space).map(([field, dimension]) =>
		dimension.values ? categories(field, dimension.values) : range(field, dimension),
	);
	const ends = { low: Math.min(...values), high: Math.max(...values) };
	return [...fields, scale(title, ends, EVEN, metric)];
}

function categories(title: string, values: unknown[]): Axis {
	const texts = values.map(plain);
	const at = (index: number) => (index + MIDDLE) / texts.length;
	return {
		title,
		note: "",
		place: (value) => {
			const index = texts.indexOf(plain(value));
			return index < 0 ? null : at(index);
		},
		ticks: texts.map((text, index) => ({ at: at(index), text })),
	};
}

const range = (title: string, { low = 0, high = 0, log }: SearchDimension): Axis =>
	log
		? { ...scale(title, { low, high }, { forward: Math.log, back: Math.exp }, tick), note: "log" }
		: scale(title, { low, high }, EVEN, tick);

/** How far along a scale a number lies, and which number lies there. */
interface Measure {
	forward: (value: number) => number;
	back: (along: number) => number;
}
const EVEN: Measure = { forward: Number, back: Number };

/** Labelled at both ends and in the middle. */
function scale(
	title: string,
	{ low, high }: { low: number; high: number },
	{ forward, back }: Measure,
	text: (value: number) => string,
): Axis {
	const [from, to] = [forward(low), forward(high)];
	const isPoint = !(to > from);
	const ticks = isPoint
		? [{ at: MIDDLE, text: text(low) }]
		: [low, back((from + to) / 2), high].map((value, index) => ({ at: index / 2, text: text(value) }));
	return {
		title,
		note: "",
		place: (value) => {
			if (typeof value !== "number" || !Number.isFinite(value)) return null;
			return isPoint ? MIDDLE : Math.min(1, Math.max(0, (forward(value) - from) / (to - from)));
		},
		ticks: Number.isFinite(from) ? ticks : [],
	};
}

type Told = Pick<SearchTrial, "number" | "chosen" | "value">;

/** One a trial that has a value, the best last: it is drawn above the others. */
export function linesOf(axes: Axis[], fields: string[], history: Told[]): TrialLine[] {
	const value = axes.at(-1);
	return history
		.flatMap((trial): TrialLine[] => {
			if (trial.value === null || trial.chosen === null) return [];
			const { chosen } = trial;
			const places = [...fields.map((field, index) => axes[index]?.place(chosen[field])), value?.place(trial.value)];
			const there = places.filter((place) => place !== null && place !== undefined);
			return there.length < axes.length ? [] : [{ number: trial.number, places: there, merit: there.at(-1) ?? 0 }];
		})
		.sort((a, b) => a.merit - b.merit || b.number - a.number);
}

/** The trial whose line comes nearest to a point: `along` from the first axis, 0, to the last, 1; `across` as the places of axes. */
export function nearestLine(lines: TrialLine[], along: number, across: number, most = 0.08): number | null {
	let nearest: { number: number; distance: number } | null = null;
	for (const { number, places } of lines) {
		const at = Math.min(Math.max(along, 0), 1) * (places.length - 1);
		const left = Math.min(Math.floor(at), Math.max(places.length - 2, 0));
		const from = places[left] ?? 0;
		const to = places[left + 1] ?? from;
		const distance = Math.abs(from + (to - from) * (at - left) - across);
		if (distance <= most && distance <= (nearest?.distance ?? most)) nearest = { number, distance };
	}
	return nearest?.number ?? null;
}
