// Results as CSV (RFC 4180) for further work: one line a row and point, numbers unrounded.
import { figureOf } from "./figures.js";
import { machinesOf } from "./machine.js";
import type { Results } from "./results.js";
import { costOf } from "./sheets.js";

export function csvOf({ metrics, rows, dataset, protocol }: Results): string {
	const fields = [...new Set(rows.flatMap((row) => row.points.flatMap((point) => Object.keys(point.chosen))))];
	const header = [
		"row",
		"model",
		...fields,
		"runs",
		...metrics.flatMap((metric) => [metric, `${metric} deviation`]),
		"seconds",
		"peak_memory_bytes",
		"dataset",
		"split",
		"protocol",
		"machine",
	];
	const lines = rows.flatMap((row) =>
		row.points.map((point) => {
			const { seconds, bytes } = costOf(point);
			return [
				row.label,
				row.model,
				...fields.map((field) => point.chosen[field]),
				point.runs.length,
				...metrics.flatMap((metric) => {
					const figure = figureOf(point.runs, metric);
					return [figure?.mean, figure?.deviation];
				}),
				seconds,
				bytes,
				dataset.name,
				dataset.splitDigest,
				protocol.hash,
				machinesOf([point]).join("; "),
			];
		}),
	);
	return [header, ...lines].map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
}

function quoted(value: unknown): string {
	const text = value === null || value === undefined ? "" : String(value);
	return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
