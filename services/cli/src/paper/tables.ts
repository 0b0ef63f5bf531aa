// Results as text: on the terminal, as GitHub's Markdown, as CSV and as LaTeX; and the four files of a recipe on a dataset.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { bold, dim, duration, say, table, underlined } from "@valence/supervisor/terminal";
import { decimals } from "../figures.js";
import { type Results, stemOf } from "./results.js";
import { type Cell, costOf, failuresOf, figureOf, machinesOf, proofOf, type Sheet, sheetsOf } from "./sheets.js";

const WRITERS = {
	md: markdownOf,
	csv: csvOf,
	tex: latexOf,
	json: (results: Results) => `${JSON.stringify(results, null, 2)}\n`,
};

/** Returns the path without its ending. */
export function writeResults(folder: string, results: Results): string {
	mkdirSync(folder, { recursive: true });
	const path = stemOf(folder, results.recipe, results.dataset.name);
	for (const [ending, write] of Object.entries(WRITERS)) {
		writeFileSync(`${path}.${ending}.part`, write(results));
		renameSync(`${path}.${ending}.part`, `${path}.${ending}`);
	}
	return path;
}

export function print(results: Results): void {
	for (const sheet of sheetsOf(results)) {
		say(`\n${bold(sheet.title)}\n`);
		const rankOf = (row: number, column: number) => sheet.lines[row]?.cells[column - 1]?.rank;
		table(
			headerOf(sheet),
			rowsOf(sheet, ({ figure }) => decimals(figure)),
			{ paint: (text, row, column) => ranked(text, rankOf(row, column)) },
		);
	}
	say();
	for (const failure of failuresOf(results)) say(`  missing: ${failure}`);
	for (const line of proofOf(results)) say(dim(`  ${line}`));
}

export function markdownOf(results: Results): string {
	const escaped = (text: string) => text.replace(/[\\|*_<>`[\]]/g, "\\$&").replace(/\s*\n\s*/g, " ");
	const cellOf = ({ figure, rank }: Cell) => marked(decimals(figure), rank, ["**", "**"], ["<u>", "</u>"]);
	const sheets = sheetsOf(results).map((sheet) => {
		const header = headerOf(sheet).map(escaped);
		const rule = header.map((_, column) => (column === 0 ? "---" : "---:"));
		const rows = rowsOf({ ...sheet, lines: sheet.lines.map((one) => ({ ...one, label: escaped(one.label) })) }, cellOf);
		const lines = [header, rule, ...rows].map((row) => `| ${row.join(" | ")} |`);
		return `## ${escaped(sheet.title)}\n\n${lines.join("\n")}`;
	});
	return `${sheets.join("\n\n")}\n\n${notesOf(results)
		.map((note) => `- ${escaped(note)}`)
		.join("\n")}\n`;
}

/** Needs the package booktabs. What proves the numbers stands above as comments. */
export function latexOf(results: Results): string {
	const cellOf = ({ figure, rank }: Cell) =>
		marked(decimals(figure, " $\\pm$ ").replace("–", "--"), rank, ["\\textbf{", "}"], ["\\underline{", "}"]);
	const tables = sheetsOf(results).map(({ title, corner, columns, lines }) =>
		[
			"\\begin{table}",
			`  \\caption{${inLatex(title)}}`,
			`  \\begin{tabular}{l${"r".repeat(columns.length)}}`,
			"    \\toprule",
			`    ${[corner, ...columns].map(inLatex).join(" & ")} \\\\`,
			"    \\midrule",
			...lines.map(({ label, cells }) => `    ${[inLatex(label), ...cells.map(cellOf)].join(" & ")} \\\\`),
			"    \\bottomrule",
			"  \\end{tabular}",
			"\\end{table}",
			"",
		].join("\n"),
	);
	const comments = notesOf(results).map((note) => `% ${note.replace(/\s*\n\s*/g, " ")}\n`);
	return `${comments.join("")}${tables.join("\n")}`;
}

/** For further work (RFC 4180): one line a row and point, numbers unrounded. */
export function csvOf({ metrics, rows, dataset, protocol }: Results): string {
	const fields = [...new Set(rows.flatMap((row) => row.points.flatMap((point) => Object.keys(point.chosen))))];
	const figures = metrics.flatMap((metric) => [metric, `${metric} deviation`]);
	const proof = ["seconds", "peak_memory_bytes", "dataset", "split", "protocol", "machine"];
	const lines = rows.flatMap(({ label, model, points }) =>
		points.map((point) => {
			const { seconds, bytes } = costOf(point);
			return [
				...[label, model, ...fields.map((field) => point.chosen[field]), point.runs.length],
				...metrics.flatMap((metric) => {
					const figure = figureOf(point.runs, metric);
					return [figure?.mean, figure?.deviation];
				}),
				...[seconds, bytes, dataset.name, dataset.splitDigest, protocol.hash, machinesOf([point]).join("; ")],
			];
		}),
	);
	const quoted = (value: unknown) => {
		const text = value === null || value === undefined ? "" : String(value);
		return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
	};
	const header = ["row", "model", ...fields, "runs", ...figures, ...proof];
	return [header, ...lines].map((line) => `${line.map(quoted).join(",")}\r\n`).join("");
}

const notesOf = (results: Results) => [
	...proofOf(results),
	...failuresOf(results).map((failure) => `Missing: ${failure}.`),
];

const hasCosts = ({ lines }: Sheet) => lines.some((line) => line.cost);
const headerOf = (sheet: Sheet) => [
	sheet.corner,
	...sheet.columns,
	...(hasCosts(sheet) ? ["time a run", "peak memory"] : []),
];

const rowsOf = (sheet: Sheet, text: (cell: Cell) => string) =>
	sheet.lines.map(({ label, cells, cost }) => [
		label,
		...cells.map(text),
		...(hasCosts(sheet) ? [time(cost?.seconds ?? null), memory(cost?.bytes ?? null)] : []),
	]);

const time = (seconds: number | null) => (seconds === null ? "–" : duration(seconds));
const memory = (bytes: number | null) => (bytes === null ? "–" : `${(bytes / 2 ** 20).toFixed(0)} MiB`);

const ranked = (text: string, rank: Cell["rank"] | undefined) =>
	rank === 1 ? bold(text) : rank === 2 ? underlined(text) : text;

type Mark = [before: string, after: string];
const marked = (text: string, rank: Cell["rank"], first: Mark, second: Mark) => {
	const [before, after] = rank === 1 ? first : rank === 2 ? second : ["", ""];
	return `${before}${text}${after}`;
};

const SPECIAL: Record<string, string> = {
	"\\": "\\textbackslash{}",
	"~": "\\textasciitilde{}",
	"^": "\\textasciicircum{}",
};
const inLatex = (text: string) =>
	text.replace(/[\\~^]|[&%$#_{}]/g, (character) => SPECIAL[character] ?? `\\${character}`).replace(/\s*\n\s*/g, " ");
