// Results on the terminal.
import { bold, dim, say, underlined } from "../terminal.js";
import { decimals } from "./figures.js";
import { memory, time } from "./markdown.js";
import { failuresOf, proofOf } from "./proof.js";
import type { Results } from "./results.js";
import { type Sheet, sheetsOf } from "./sheets.js";

export function print(results: Results): void {
	for (const sheet of sheetsOf(results)) {
		say(`\n${bold(sheet.title)}\n`);
		printTable(sheet);
	}
	say();
	for (const failure of failuresOf(results)) say(`  missing: ${failure}`);
	for (const line of proofOf(results)) say(dim(`  ${line}`));
}

function printTable({ corner, columns, lines }: Sheet): void {
	const costs = lines.some((line) => line.cost);
	const header = [corner, ...columns, ...(costs ? ["time a run", "peak memory"] : [])];
	const rows = lines.map(({ label, cells, cost }) => ({
		texts: [
			label,
			...cells.map(({ figure }) => decimals(figure)),
			...(costs ? [time(cost?.seconds ?? null), memory(cost?.bytes ?? null)] : []),
		],
		ranks: [null, ...cells.map((cell) => cell.rank)],
	}));
	const widths = header.map((title, column) =>
		Math.max(title.length, ...rows.map(({ texts }) => texts[column]?.length ?? 0)),
	);
	// Padded before it is painted: colours have a length, too.
	const line = (texts: string[], paint: (text: string, column: number) => string) =>
		texts
			.map((text, column) => {
				const padding = " ".repeat((widths[column] ?? 0) - text.length);
				return column === 0 ? paint(text, column) + padding : padding + paint(text, column);
			})
			.join("  ");
	say(`  ${line(header, bold)}`);
	for (const { texts, ranks } of rows) {
		const paint = (text: string, column: number) =>
			ranks[column] === 1 ? bold(text) : ranks[column] === 2 ? underlined(text) : text;
		say(`  ${line(texts, paint)}`);
	}
}
