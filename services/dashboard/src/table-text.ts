// A table as text for a paper, a page or a spreadsheet: LaTeX (needs the package booktabs), GitHub's Markdown, CSV (RFC 4180).
export interface TextColumn<T> {
	title: string;
	numeric?: boolean;
	/** As it is read. */
	text: (row: T) => string;
	/** In place of the text where programs go on with it: numbers as they are, one column each. */
	values?: { title: string; of: (row: T) => number | string | null | undefined }[];
	/** Printed bold. */
	isBest?: (row: T) => boolean;
}

export interface TextTable<T> {
	title: string;
	columns: TextColumn<T>[];
	rows: T[];
	/** What its marks say, for documents; CSV has words in its cells. */
	notes?: string[];
}

export const FORMATS = [
	{ name: "CSV", ending: "csv", type: "text/csv", of: csvOf },
	{ name: "Markdown", ending: "md", type: "text/markdown", of: markdownOf },
	{ name: "LaTeX", ending: "tex", type: "application/x-tex", of: latexOf },
] as const;

export function csvOf<T>({ columns, rows }: TextTable<T>): string {
	const parts = columns.flatMap(({ title, text, values }) => values ?? [{ title, of: text }]);
	return [parts.map(({ title }) => title), ...rows.map((row) => parts.map(({ of }) => of(row)))]
		.map((line) => `${line.map(quoted).join(",")}\r\n`)
		.join("");
}

/** What a spreadsheet takes for a formula, which may call out, is disarmed: names are whatever somebody has typed. */
function quoted(value: number | string | null | undefined): string {
	if (typeof value === "number") return String(value);
	const text = (value ?? "").replace(/^(?=[=+\-@\t\r])/, "'");
	return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function markdownOf<T>({ columns, rows, notes = [] }: TextTable<T>): string {
	const lines = rows.map((row) =>
		columns.map(({ text, isBest }) => {
			const shown = markdown(text(row));
			return isBest?.(row) ? `**${shown}**` : shown;
		}),
	);
	const rule = columns.map(({ numeric }) => (numeric ? "---:" : "---"));
	const text = [columns.map(({ title }) => markdown(title)), rule, ...lines].map((line) => `| ${line.join(" | ")} |\n`);
	return [...text, ...(notes.length > 0 ? ["\n"] : []), ...notes.map((note) => `- ${markdown(note)}\n`)].join("");
}

const markdown = (text: string) => text.replace(/[\\|*_<>`[\]]/g, "\\$&").replace(/\s*\n\s*/g, " ");

export function latexOf<T>({ title, columns, rows, notes = [] }: TextTable<T>): string {
	const lines = rows.map((row) =>
		columns.map(({ text, isBest }) => {
			const shown = latex(text(row));
			return isBest?.(row) ? `\\textbf{${shown}}` : shown;
		}),
	);
	return [
		...["Needs \\usepackage{booktabs}.", ...notes].map((note) => `% ${note.replace(/\s*\n\s*/g, " ")}`),
		"\\begin{table}",
		`  \\caption{${latex(title)}}`,
		`  \\begin{tabular}{${columns.map(({ numeric }) => (numeric ? "r" : "l")).join("")}}`,
		"    \\toprule",
		`    ${columns.map((column) => latex(column.title)).join(" & ")} \\\\`,
		"    \\midrule",
		...lines.map((line) => `    ${line.join(" & ")} \\\\`),
		"    \\bottomrule",
		"  \\end{tabular}",
		"\\end{table}",
		"",
	].join("\n");
}

const SPECIAL: Record<string, string> = {
	"\\": "\\textbackslash{}",
	"~": "\\textasciitilde{}",
	"^": "\\textasciicircum{}",
	"±": "$\\pm$",
	"≠": "$\\neq$",
	"≤": "$\\le$",
	"<": "$<$",
	">": "$>$",
	"–": "--",
	"−": "$-$",
	"★": "$^{*}$",
	"†": "$^{\\dagger}$",
	"\u00a0": "~",
};
const latex = (text: string) =>
	text
		.replace(/[\\~^±≠≤–−★†<>\u00a0&%$#_{}]/g, (character) => SPECIAL[character] ?? `\\${character}`)
		.replace(/\s*\n\s*/g, " ");

/** A name that every file system takes. */
export const fileNameOf = (title: string, ending: string) =>
	`${
		title
			.toLowerCase()
			.replace(/[^a-z0-9]+/g, "-")
			.replace(/^-+|-+$/g, "") || "table"
	}.${ending}`;
