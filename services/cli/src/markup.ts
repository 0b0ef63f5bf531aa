// Tables as text for documents: GitHub's Markdown, LaTeX with booktabs, and CSV (RFC 4180).
import { OF_RUNS, type Mark as Shown } from "@valence/client";

export const inMarkdown = (text: string) => text.replace(/[\\|*_<>`[\]]/g, "\\$&").replace(/\s*\n\s*/g, " ");

const SPECIAL: Record<string, string> = {
	"\\": "\\textbackslash{}",
	"~": "\\textasciitilde{}",
	"^": "\\textasciicircum{}",
};
export const inLatex = (text: string) =>
	text.replace(/[\\~^]|[&%$#_{}]/g, (character) => SPECIAL[character] ?? `\\${character}`).replace(/\s*\n\s*/g, " ");

/** What a spreadsheet takes for a formula, which may call out, is disarmed: names are whatever somebody has typed. */
const inCsv = (value: unknown) => {
	if (typeof value === "number") return String(value);
	const text = (value === null || value === undefined ? "" : String(value)).replace(/^(?=[=+\-@\t\r])/, "'");
	return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Cells are markup already; all columns but the first are numbers unless told. */
export function markdownTable(header: string[], rows: string[][], others = "---:"): string {
	const rule = header.map((_, column) => (column === 0 ? "---" : others));
	return [header, rule, ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");
}

export const latexTable = (
	caption: string,
	header: string[],
	rows: string[][],
	columns = `l${"r".repeat(header.length - 1)}`,
) =>
	[
		"\\begin{table}",
		`  \\caption{${caption}}`,
		`  \\begin{tabular}{${columns}}`,
		"    \\toprule",
		`    ${header.join(" & ")} \\\\`,
		"    \\midrule",
		...rows.map((row) => `    ${row.join(" & ")} \\\\`),
		"    \\bottomrule",
		"  \\end{tabular}",
		"\\end{table}",
		"",
	].join("\n");

/** What is said of a table, above it: of its numbers, and of what it takes to set it. */
export const latexComments = (notes: string[]) =>
	["Needs \\usepackage{booktabs}.", ...notes].map((note) => `% ${note.replace(/\s*\n\s*/g, " ")}\n`).join("");

export const csvTable = (rows: unknown[][]) => rows.map((row) => `${row.map(inCsv).join(",")}\r\n`).join("");

type Mark = [before: string, after: string];
interface Marks {
	first: Mark;
	second: Mark;
	/** Of what is better than a chance, once p values are corrected. */
	star: string;
	/** Of what is so in these runs alone. */
	dagger: string;
}
export const MARKDOWN: Marks = { first: ["**", "**"], second: ["<u>", "</u>"], star: "\\*", dagger: OF_RUNS };
export const LATEX: Marks = {
	...{ first: ["\\textbf{", "}"], second: ["\\underline{", "}"] },
	...{ star: "$^{*}$", dagger: "$^{\\dagger}$" },
};

export interface Marked {
	/** 1 is set in bold, 2 underlined. */
	rank: 1 | 2 | null;
	/** What a test shows of what its table marks. */
	mark: Shown | null;
}

export function marked(text: string, { rank, mark }: Marked, marks: Marks): string {
	const [before, after] = rank === 1 ? marks.first : rank === 2 ? marks.second : ["", ""];
	return `${before}${text}${after}${mark === "methods" ? marks.star : mark === "runs" ? marks.dagger : ""}`;
}
