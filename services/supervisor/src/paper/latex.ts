// Results as LaTeX tables; they need the package booktabs. What proves them stands above as comments.
import { decimals } from "./figures.js";
import { failuresOf, proofOf } from "./proof.js";
import type { Results } from "./results.js";
import { type Cell, type Sheet, sheetsOf } from "./sheets.js";

export function latexOf(results: Results): string {
	const notes = [...proofOf(results), ...failuresOf(results).map((failure) => `Missing: ${failure}.`)];
	const comments = notes.map((note) => `% ${note.replace(/\s*\n\s*/g, " ")}\n`).join("");
	return `${comments}${sheetsOf(results).map(tableOf).join("\n")}`;
}

function tableOf({ title, corner, columns, lines }: Sheet): string {
	const rows = lines.map(({ label, cells }) => `${[escaped(label), ...cells.map(cellOf)].join(" & ")} \\\\`);
	return [
		"\\begin{table}",
		`  \\caption{${escaped(title)}}`,
		`  \\begin{tabular}{l${"r".repeat(columns.length)}}`,
		"    \\toprule",
		`    ${[corner, ...columns].map(escaped).join(" & ")} \\\\`,
		"    \\midrule",
		...rows.map((row) => `    ${row}`),
		"    \\bottomrule",
		"  \\end{tabular}",
		"\\end{table}",
		"",
	].join("\n");
}

function cellOf({ figure, rank }: Cell): string {
	const text = decimals(figure, " $\\pm$ ").replace("–", "--");
	return rank === 1 ? `\\textbf{${text}}` : rank === 2 ? `\\underline{${text}}` : text;
}

const SPECIAL: Record<string, string> = {
	"\\": "\\textbackslash{}",
	"~": "\\textasciitilde{}",
	"^": "\\textasciicircum{}",
};
export const escaped = (text: string) =>
	text.replace(/[\\~^]|[&%$#_{}]/g, (character) => SPECIAL[character] ?? `\\${character}`).replace(/\s*\n\s*/g, " ");
