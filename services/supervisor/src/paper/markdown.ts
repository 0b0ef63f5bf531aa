// Results as GitHub's Markdown.
import { decimals } from "./figures.js";
import { failuresOf, proofOf } from "./proof.js";
import type { Results } from "./results.js";
import { type Cell, type Sheet, sheetsOf } from "./sheets.js";
import { duration } from "./watching.js";

export function markdownOf(results: Results): string {
	const sheets = sheetsOf(results).map((sheet) => `## ${escaped(sheet.title)}\n\n${tableOf(sheet)}`);
	const notes = [...proofOf(results), ...failuresOf(results).map((failure) => `Missing: ${failure}.`)];
	return `${sheets.join("\n\n")}\n\n${notes.map((note) => `- ${escaped(note)}`).join("\n")}\n`;
}

function tableOf({ corner, columns, lines }: Sheet): string {
	const costs = lines.some((line) => line.cost);
	const header = [corner, ...columns, ...(costs ? ["time a run", "peak memory"] : [])];
	const rows = lines.map(({ label, cells, cost }) => [
		escaped(label),
		...cells.map(cellOf),
		...(costs ? [time(cost?.seconds ?? null), memory(cost?.bytes ?? null)] : []),
	]);
	const rule = header.map((_, column) => (column === 0 ? "---" : "---:"));
	return [header.map(escaped), rule, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

function cellOf({ figure, rank }: Cell): string {
	const text = decimals(figure);
	return rank === 1 ? `**${text}**` : rank === 2 ? `<u>${text}</u>` : text;
}

export const time = (seconds: number | null) => (seconds === null ? "–" : duration(seconds));
export const memory = (bytes: number | null) => (bytes === null ? "–" : `${(bytes / 2 ** 20).toFixed(0)} MiB`);

const escaped = (text: string) => text.replace(/[\\|*_<>`[\]]/g, "\\$&").replace(/\s*\n\s*/g, " ");
