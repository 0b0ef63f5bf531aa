// Results as text: on the terminal, as GitHub's Markdown, as CSV and as LaTeX; and the four files of a recipe on a dataset.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { bold, dim, duration, say, table, underlined } from "@valence/supervisor/terminal";
import { decimals } from "../figures.js";
import {
	csvTable,
	inLatex,
	inMarkdown,
	LATEX,
	latexComments,
	latexTable,
	MARKDOWN,
	markdownTable,
	marked,
} from "../markup.js";
import { IN_CSV, PRINTED } from "../verdict-tables.js";
import { caseCsv, caseLatex, caseMarkdown, printCase } from "./case-tables.js";
import { caseOf } from "./recipe.js";
import { type Results, stemOf } from "./results.js";
import {
	type Cell,
	chosenPoint,
	costOf,
	failuresOf,
	figureOf,
	machinesOf,
	proofOf,
	type Sheet,
	settingOf,
	sheetsOf,
} from "./sheets.js";

const WRITERS = {
	md: markdownOf,
	csv: csvOf,
	tex: latexOf,
	json: jsonOf,
};
const CASE_WRITERS = { md: caseMarkdown, csv: caseCsv, tex: caseLatex, json: jsonOf };

/** Returns the path without its ending. */
export function writeResults(folder: string, results: Results): string {
	mkdirSync(folder, { recursive: true });
	const path = stemOf(folder, results.recipe, results.dataset.name);
	for (const [ending, write] of Object.entries(caseOf(results) ? CASE_WRITERS : WRITERS)) {
		writeFileSync(`${path}.${ending}.part`, write(results));
		renameSync(`${path}.${ending}.part`, `${path}.${ending}`);
	}
	return path;
}

function jsonOf(results: Results): string {
	return `${JSON.stringify(results, null, 2)}\n`;
}

export function print(results: Results): void {
	if (caseOf(results)) {
		printCase(results);
		return;
	}
	for (const sheet of sheetsOf(results)) {
		say(`\n${bold(sheet.title)}\n`);
		const rankOf = (row: number, column: number) => sheet.lines[row]?.cells[column - 1]?.rank;
		const isMarked = sheet.lines.some(({ cells }) => cells.some(({ mark }) => mark));
		const markOf = (mark: Cell["mark"]) => (isMarked ? ` ${PRINTED[mark ?? "none"] || " "}` : "");
		table(
			headerOf(sheet),
			rowsOf(sheet, ({ figure, mark }) => `${decimals(figure)}${markOf(mark)}`),
			{ paint: (text, row, column) => ranked(text, rankOf(row, column)) },
		);
	}
	say();
	for (const failure of failuresOf(results)) say(`  missing: ${failure}`);
	for (const line of proofOf(results)) say(dim(`  ${line}`));
}

export function markdownOf(results: Results): string {
	const cellOf = ({ figure, ...mark }: Cell) => marked(decimals(figure), mark, MARKDOWN);
	const sheets = sheetsOf(results).map((sheet) => {
		const lines = sheet.lines.map((one) => ({ ...one, label: inMarkdown(one.label) }));
		const text = markdownTable(headerOf(sheet).map(inMarkdown), rowsOf({ ...sheet, lines }, cellOf));
		return `## ${inMarkdown(sheet.title)}\n\n${text}`;
	});
	return `${sheets.join("\n\n")}\n\n${notesOf(results)
		.map((note) => `- ${inMarkdown(note)}`)
		.join("\n")}\n`;
}

/** What proves the numbers stands above as comments. */
export function latexOf(results: Results): string {
	const cellOf = ({ figure, ...mark }: Cell) => marked(decimals(figure, " $\\pm$ ").replace("–", "--"), mark, LATEX);
	const tables = sheetsOf(results).map((sheet) => {
		const { title, corner, columns, lines } = sheet;
		return latexTable(
			inLatex(title),
			[corner, ...columns, ...(hasSettings(sheet) ? ["setting"] : [])].map(inLatex),
			lines.map((line) => [inLatex(line.label), ...line.cells.map(cellOf), ...settingsOf(sheet, line)]),
		);
	});
	return `${latexComments(notesOf(results))}${tables.join("\n")}`;
}

/** Of a row beside the one that it stands against. */
const TOLD = ["difference", "p", "verdict"];

/** For further work (RFC 4180): one line a row and point, numbers unrounded. */
export function csvOf(results: Results): string {
	const { metrics, rows, dataset, protocol, tested, pairs } = results;
	const fields = [...new Set(rows.flatMap((row) => row.points.flatMap((point) => Object.keys(point.chosen))))];
	const figures = metrics.flatMap((metric) => [
		...[metric, `${metric} deviation`],
		...(tested ? [`${metric} marked`] : []),
		...(pairs ? TOLD.map((name) => `${metric} ${name}`) : []),
	]);
	const proof = ["setting", "seconds", "peak_memory_bytes", "dataset", "split", "protocol", "machine"];
	const shown = sheetsOf(results)[0]?.lines ?? [];
	const lines = rows.flatMap((row, line) => {
		const { label, model, against, points } = row;
		const pair = pairs?.find((one) => one.row === label && "differences" in one);
		const differences = pair && "differences" in pair ? pair.differences : [];
		return points.map((point) => {
			const { seconds, bytes } = costOf(point);
			const isChosen = point === chosenPoint(points);
			return [
				...[label, model, ...(pairs ? [against] : []), ...fields.map((field) => point.chosen[field])],
				point.runs.length,
				...metrics.flatMap((metric, column) => {
					const figure = figureOf(point.runs, metric);
					const mark = IN_CSV[(isChosen && shown[line]?.cells[column]?.mark) || "none"];
					const told = differences.find((one) => one.metric === metric);
					return [
						...[figure?.mean, figure?.deviation, ...(tested ? [mark] : [])],
						...(pairs ? [told?.difference, told?.p, told?.verdict] : []),
					];
				}),
				...[
					settingOf(row),
					seconds,
					bytes,
					dataset.name,
					dataset.splitDigest,
					protocol.hash,
					machinesOf([point]).join("; "),
				],
			];
		});
	});
	const header = ["row", "model", ...(pairs ? ["against"] : []), ...fields, "runs", ...figures, ...proof];
	return csvTable([header, ...lines]);
}

const notesOf = (results: Results) => [
	...proofOf(results),
	...failuresOf(results).map((failure) => `Missing: ${failure}.`),
];

const hasSettings = ({ lines }: Sheet) => lines.some((line) => line.setting !== null);
const settingsOf = (sheet: Sheet, { setting }: Sheet["lines"][number]) => (hasSettings(sheet) ? [setting ?? "–"] : []);
const hasCosts = ({ lines }: Sheet) => lines.some((line) => line.cost);
const headerOf = (sheet: Sheet) => [
	sheet.corner,
	...sheet.columns,
	...(hasSettings(sheet) ? ["setting"] : []),
	...(hasCosts(sheet) ? ["time a run", "peak memory"] : []),
];

const rowsOf = (sheet: Sheet, text: (cell: Cell) => string) =>
	sheet.lines.map((line) => [
		line.label,
		...line.cells.map(text),
		...settingsOf(sheet, line),
		...(hasCosts(sheet) ? [time(line.cost?.seconds ?? null), memory(line.cost?.bytes ?? null)] : []),
	]);

const time = (seconds: number | null) => (seconds === null ? "–" : duration(seconds));
const memory = (bytes: number | null) => (bytes === null ? "–" : `${(bytes / 2 ** 20).toFixed(0)} MiB`);

const ranked = (text: string, rank: Cell["rank"] | undefined) =>
	rank === 1 ? bold(text) : rank === 2 ? underlined(text) : text;
