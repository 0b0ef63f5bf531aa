// Results in the paper's layout, before they become text: a table, or one table a metric over the values of a field.
import { chosenPoint, type Figure, figureOf, ranks, summarise } from "./figures.js";
import { titleOf } from "./measured.js";
import type { PointResult, Results, RowResult } from "./results.js";

export interface Cell {
	figure: Figure | null;
	/** 1 is set in bold, 2 underlined. */
	rank: 1 | 2 | null;
}
export interface Sheet {
	title: string;
	corner: string;
	columns: string[];
	lines: { label: string; cells: Cell[]; cost: Cost | null }[];
}
/** Of one run: the mean time, the most memory. */
export interface Cost {
	seconds: number | null;
	bytes: number | null;
}

export function sheetsOf(results: Results): Sheet[] {
	const title = `${results.title} on ${results.dataset.name}`;
	return results.layout === "table" ? [tableOf(results, title)] : seriesOf(results, results.layout.series, title);
}

function tableOf({ rows, metrics }: Results, title: string): Sheet {
	const points = rows.map((row) => chosenPoint(row.points));
	const figures = metrics.map((metric) => points.map((point) => figureOf(point.runs, metric)));
	const places = metrics.map((metric, column) => ranks(figures[column] ?? [], metric));
	return {
		title,
		corner: "Model",
		columns: metrics.map(titleOf),
		lines: rows.map((row, line) => ({
			label: labelOf(row, points[line] as PointResult),
			cells: metrics.map((_, column) => ({
				figure: figures[column]?.[line] ?? null,
				rank: places[column]?.[line] ?? null,
			})),
			cost: costOf(points[line] as PointResult),
		})),
	};
}

function seriesOf({ rows, metrics }: Results, field: string, title: string): Sheet[] {
	const values = [...new Set(rows.flatMap((row) => row.points.map((point) => point.chosen[field])))];
	return metrics.map((metric) => ({
		title: `${title}: ${titleOf(metric)}`,
		corner: field,
		columns: values.map(String),
		lines: rows.map((row) => ({
			label: row.label,
			cells: values.map((value) => {
				const point = row.points.find((one) => one.chosen[field] === value);
				return { figure: point ? figureOf(point.runs, metric) : null, rank: null };
			}),
			cost: null,
		})),
	}));
}

function labelOf(row: RowResult, point: PointResult): string {
	const chosen = Object.entries(point.chosen).map(([field, value]) => `${field} ${value}`);
	return chosen.length === 0 ? row.label : `${row.label} (${chosen.join(", ")})`;
}

export function costOf({ runs }: PointResult): Cost {
	const bytes = runs.map((run) => run.peakMemoryBytes).filter((value) => value !== null);
	return {
		seconds: summarise(runs.map((run) => run.seconds))?.mean ?? null,
		bytes: bytes.length > 0 ? Math.max(...bytes) : null,
	};
}
