// Results in the paper's layout, before they become text: a table, or one table a metric over the values of a field; and
// the lines under it that say under which rules, on what and where its numbers came about.
import { type Against, amountOf, type Mark, OF_RUNS } from "@valence/client";
import { type Figure, ranks, summarise } from "../figures.js";
import { titleOf } from "../metrics.js";
import type { PointResult, Results, RowResult, RunResult } from "./results.js";

export interface Cell {
	figure: Figure | null;
	/** 1 is set in bold, 2 underlined. */
	rank: 1 | 2 | null;
	/** Of the best, where it is shown to be better than the second. */
	mark: Mark | null;
}
export interface Sheet {
	title: string;
	corner: string;
	columns: string[];
	/** setting: how much went into it, in words; null where that is not known, or the lines are no settings. */
	lines: { label: string; cells: Cell[]; setting: string | null; cost: Cost | null }[];
}
/** Of one run: the mean time, the most memory. */
export interface Cost {
	seconds: number | null;
	bytes: number | null;
}

export function sheetsOf(results: Results): Sheet[] {
	const title = `${results.title} on ${results.dataset.name}`;
	const { layout } = results;
	if (typeof layout === "object" && "series" in layout) return seriesOf(results, layout.series, title);
	return [tableOf(results, title)];
}

function tableOf({ rows, metrics, definitions, tested, pairs }: Results, title: string): Sheet {
	const points = rows.map((row) => chosenPoint(row.points));
	const figures = metrics.map((metric) => points.map((point) => figureOf(point.runs, metric)));
	// Rows that stand against one other each are no contest of all.
	const places = metrics.map((metric, column) => (pairs ? [] : ranks(figures[column] ?? [], metric, definitions)));
	return {
		title,
		corner: "Model",
		columns: metrics.map((metric) => titleOf(metric, definitions)),
		lines: rows.map((row, line) => ({
			label: labelOf(row, points[line] as PointResult),
			cells: metrics.map((metric, column) => {
				const rank = places[column]?.[line] ?? null;
				const mark = rank === 1 && tested ? markOf(tested, metric) : null;
				return { figure: figures[column]?.[line] ?? null, rank, mark };
			}),
			setting: settingOf(row),
			cost: costOf(points[line] as PointResult),
		})),
	};
}

const markOf = ({ shown, ofRuns }: NonNullable<Results["tested"]>, metric: string): Mark | null =>
	shown.includes(metric) ? "methods" : ofRuns?.includes(metric) ? "runs" : null;

function seriesOf({ rows, metrics, definitions }: Results, field: string, title: string): Sheet[] {
	const values = [...new Set(rows.flatMap((row) => row.points.map((point) => point.chosen[field])))];
	return metrics.map((metric) => ({
		title: `${title}: ${titleOf(metric, definitions)}`,
		corner: field,
		columns: values.map(String),
		lines: rows.map((row) => ({
			label: row.label,
			cells: values.map((value) => {
				const point = row.points.find((one) => one.chosen[field] === value);
				return { figure: point ? figureOf(point.runs, metric) : null, rank: null, mark: null };
			}),
			setting: null,
			cost: null,
		})),
	}));
}

function labelOf(row: RowResult, point: PointResult): string {
	const chosen = Object.entries(point.chosen).map(([field, value]) => `${field} ${value}`);
	return chosen.length === 0 ? row.label : `${row.label} (${chosen.join(", ")})`;
}

export function settingOf({ setting }: RowResult): string | null {
	if (!setting) return null;
	if (setting.kind !== "searched") return setting.kind;
	return `searched (${setting.trials ?? "not counted"})`;
}

export function costOf({ runs }: PointResult): Cost {
	const bytes = runs.map((run) => run.peakMemoryBytes).filter((value) => value !== null);
	return {
		seconds: summarise(runs.map((run) => run.seconds))?.mean ?? null,
		bytes: bytes.length > 0 ? Math.max(...bytes) : null,
	};
}

export const figureOf = (runs: RunResult[], metric: string) => summarise(runs.map((run) => run.metrics[metric]));

/** The point whose mean on validation is best: a grid is chosen without looking at test. */
export function chosenPoint(points: PointResult[]): PointResult {
	const value = (point: PointResult) => summarise(point.runs.map((run) => run.bestValidation))?.mean ?? -Infinity;
	return points.reduce((best, point) => (value(point) > value(best) ? point : best));
}

export function proofOf(results: Results): string[] {
	const { dataset, protocol, rows } = results;
	const count = (value: number) => value.toLocaleString("en");
	const machines = machinesOf(rows.flatMap((row) => row.points));
	return [
		`Protocol ${protocol.hash}: full ranking, ${protocol.maskTest} items masked at test, cut-offs ${protocol.cutoffs.join(" and ")}, best epoch by validation.`,
		`Dataset ${dataset.name}: ${count(dataset.users)} users, ${count(dataset.items)} items, ${count(dataset.interactions)} interactions, split ${dataset.splitDigest}.`,
		seedsLine(results),
		...testsLines(results),
		...machines.map((machine) =>
			machines.length === 1
				? `Machine: ${machine}.`
				: `Machine of ${labels(results, (row) => machinesOf(row.points).includes(machine))}: ${machine}.`,
		),
	];
}

/** What a star means, or why there is none. */
function testsLines({ layout, rows, tested, untested, pairs, definitions }: Results): string[] {
	if (layout !== "table" || rows.length < 2) return [];
	if (pairs) return pairsLines(pairs, definitions);
	if (!tested) return [`No row is marked: ${untested ?? "no differences were tested"}.`];
	const { baseline, users, family, draws, ofRuns = [], undecided } = tested;
	const count = (value: number) => value.toLocaleString("en");
	const whom =
		baseline === null
			? "each row against each other"
			: `${baseline} against every other row, as each against each would be too many`;
	const titles = undecided.map((metric) => titleOf(metric, definitions)).join(", ");
	return [
		`* The best is better than the second: p < 0.05 by sign flips over ${count(users)} users (${count(draws)} draws), after Holm over the ${count(family)} tests of ${whom}; where a model is trained with seeds, their interval is there and holds no 0.`,
		...(ofRuns.length > 0 ? [`${OF_RUNS} The same of these runs alone, which other seeds may turn round.`] : []),
		...(undecided.length > 0 ? [`Not tested, as neither of the two is ${baseline}: ${titles}.`] : []),
	];
}

function pairsLines(pairs: NonNullable<Results["pairs"]>, definitions: Results["definitions"]): string[] {
	const count = (value: number) => value.toLocaleString("en");
	const told = pairs.map((pair) => {
		const head = `${pair.row}, against ${pair.against}`;
		if ("untested" in pair) return `${head}: not tested, ${pair.untested}.`;
		const parts = pair.differences.map(
			({ metric, ...against }) => `${titleOf(metric, definitions)} ${amountOf(against)}, ${outcomeOf(against)}`,
		);
		return `${head}: ${parts.join("; ")}.`;
	});
	const tested = pairs.flatMap((pair) => ("untested" in pair ? [] : [pair]));
	const [first] = tested;
	if (!first) return told;
	const families = [...new Set(tested.map(({ family }) => count(family)))].join(" or ");
	const together = new Map(tested.map(({ against, comparison }) => [against, comparison]));
	// In files of earlier versions.
	const isApart = tested.some(({ against, comparison }) => together.get(against) !== comparison);
	const how = isApart
		? "Each pair was tested by itself, by the rule of an earlier version"
		: "Rows that stand against the same one are tested together";
	return [
		...told,
		`${how}: sign flips over ${count(first.users)} users (${count(first.draws)} draws), after Holm over ${isApart ? "its" : "their"} ${families} tests. Better or worse needs p < 0.05 and, where a model is trained with seeds, an interval over them without 0. Intervals are 95 %.`,
	];
}

const outcomeOf = ({ verdict, isUnsettled }: Against) =>
	verdict !== "undecided"
		? verdict
		: isUnsettled
			? "of these runs, other seeds may turn it round"
			: "no difference is shown";

/** A closed form needs one seed, and rows kept from an earlier command may have others. */
function seedsLine(results: Results): string {
	const seedsOf = (row: Results["rows"][number]) =>
		[...new Set(row.points.flatMap((point) => point.runs.map((run) => run.seed)))].sort((a, b) => a - b).join(", ");
	const kinds = [...new Set(results.rows.map(seedsOf))].filter((seeds) => seeds !== "");
	if (kinds.length === 1) return `Seeds: ${kinds[0]}.`;
	const parts = kinds.map((seeds) => `${seeds} (${labels(results, (row) => seedsOf(row) === seeds)})`);
	return `Seeds: ${parts.join("; ") || "none"}.`;
}

const labels = ({ rows }: Results, fits: (row: Results["rows"][number]) => boolean) =>
	rows
		.filter(fits)
		.map((row) => row.label)
		.join(", ");

/** Rows without some of their runs, in words. */
export function failuresOf(results: Results): string[] {
	return results.rows.flatMap((row) =>
		row.points.flatMap((point) => {
			const values = Object.entries(point.chosen).map(([field, value]) => ` ${field} ${value}`);
			return point.failures.map((failure) => `${row.label}${values.join("")}, ${failure}`);
		}),
	);
}

/** Of all that computed a part of it, each once. */
export const machinesOf = (points: PointResult[]) => [
	...new Set(points.flatMap(({ runs }) => runs.map(({ machine }) => machine))),
];
