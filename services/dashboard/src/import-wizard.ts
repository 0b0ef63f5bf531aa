// What the wizard of an upload knows: what the beginning of each file looks like, and what somebody has said of it.
import type { ImportProblem, ImportRule, Preview, PreviewedFile } from "@valence/client";
import { roleOf } from "./dataset-rule";
import { ruleInWords } from "./in-words";

export const ROLES: { value: PreviewedFile["role"]; label: string }[] = [
	{ value: "interactions", label: "interactions" },
	{ value: "train", label: "interactions to train on" },
	{ value: "valid", label: "interactions to validate on" },
	{ value: "test", label: "interactions to test on" },
	{ value: "items", label: "titles and tags of items" },
];

/** A file somebody has dropped. */
export interface Dropped {
	file: File;
	/** What it holds, as somebody has said; null while nobody has. */
	role: string | null;
}

/** The field of a preview for a file of which nobody has said what it holds. */
export const ANY_ROLE = "file";

/** Of a file of which the beginning does not show all: the import takes the rest too. */
const NOT_SHOWN = "not_shown";
/** Of ratings that no least one limits. */
const RATINGS_ALL_TAKEN = "ratings_all_taken";

/** What is sent a file as: what somebody has said, else what its preview takes it for, else what its name says. */
export function roleToSend({ file, role }: Dropped, preview: Preview | undefined): string {
	const isWhole = !preview?.warnings.some((one) => one.code === NOT_SHOWN && one.file === file.name);
	const tables = isWhole ? (preview?.files.filter((one) => one.file === file.name) ?? []) : [];
	return role ?? (tables.length === 1 ? tables[0]?.role : undefined) ?? roleOf(file.name);
}

/** Columns that somebody has chosen, by the name of their table and by role; a header name, or a position from 1. */
export type ColumnChoices = Record<string, Record<string, string | number>>;

export const dropped = (files: File[]): Dropped[] => files.map((file) => ({ file, role: null }));

/** With further files; of those of one name the last stays, since the service tells them apart by name. */
export function withFiles(files: Dropped[], added: File[]): { files: Dropped[]; replaced: string[] } {
	const all = [...files, ...dropped(added)];
	const kept = all.filter(({ file }, at) => all.findLastIndex((one) => one.file.name === file.name) === at);
	const replaced = all.filter((one) => !kept.includes(one)).map(({ file }) => file.name);
	return { files: kept, replaced: [...new Set(replaced)] };
}

/** What a column of such a file may be. */
export const columnRoles = (fileRole: string): string[] =>
	fileRole === "items" ? ["item", "title", "tags"] : ["user", "item", "rating", "timestamp"];

/** With a column of a file taken for a role, which it then has alone; null takes back what was said of the column. */
export function withColumn(
	choices: ColumnChoices,
	file: PreviewedFile,
	index: number,
	role: string | null,
): ColumnChoices {
	const name = file.columns[index]?.name ?? "";
	const isAlone = file.dialect.header && file.columns.filter((column) => column.name === name).length === 1;
	const column = isAlone ? name : index + 1;
	const kept = Object.entries(choices[file.name] ?? {}).filter(([taken, of]) => taken !== role && of !== column);
	const own = Object.fromEntries(role === null ? kept : [...kept, [role, column]]);
	const { [file.name]: _, ...others } = choices;
	return Object.keys(own).length > 0 ? { ...others, [file.name]: own } : others;
}

/** Without what was said of these files and of the tables in them: others have come in their place. */
export const withoutFiles = (choices: ColumnChoices, files: string[]): ColumnChoices =>
	Object.fromEntries(
		Object.entries(choices).filter(([name]) => !files.some((file) => name === file || name.startsWith(`${file}: `))),
	);

/** The columns of a rule: what the form says of all files, what was clicked of each. */
export const ruleWith = (rule: ImportRule, choices: ColumnChoices): ImportRule =>
	Object.keys(choices).length === 0 ? rule : { ...rule, columns: { ...rule.columns, files: choices } };

/** "CSV, separated by semicolons, windows-1252, gzip" */
export function dialectSentence({
	format,
	separator,
	compression,
	encoding,
	header,
}: PreviewedFile["dialect"]): string {
	const names: Record<string, string> = { "\t": "tabs", " ": "blanks", ",": "commas", ";": "semicolons" };
	const isText = format === "csv";
	return [
		isText && separator === "\t" ? "TSV" : format.replace("csv", "CSV").replace("json", "JSON").replaceAll("-", " "),
		isText && separator !== "" && separator !== "\t" ? `separated by ${names[separator] ?? separator}` : "",
		encoding === "utf-8" ? "" : encoding,
		compression,
		header ? "" : "without a header",
	]
		.filter(Boolean)
		.join(", ");
}

/** Why nothing can be imported yet; null when all is there. */
export function importProblem(files: Dropped[], preview: Preview | undefined): string | null {
	if (files.length === 0) return "Drop a file first.";
	if (files.every((one) => roleToSend(one, preview) === "items"))
		return "These are items only: the file of interactions is missing.";
	return preview ? columnProblem(files, preview, ["user", "item"]) : null;
}

/** A feed tells rows from titles and tags alone: no part is held back. */
export const feedRole = (role: string): "interactions" | "items" => (role === "items" ? "items" : "interactions");

/** What is said of a file for a feed: its ratings are kept as they are, and limited by the rule of a snapshot. */
export const feedPreview = (preview: Preview): Preview => ({
	...preview,
	warnings: preview.warnings.filter(({ code }) => code !== RATINGS_ALL_TAKEN),
});

/** Why nothing can be imported into a feed yet; `hasTime`: rows without a time are given one. */
export function feedImportProblem(files: Dropped[], preview: Preview | undefined, hasTime: boolean): string | null {
	if (files.length === 0 || !preview) return null;
	const missing = columnProblem(files, preview, ["user", "item", ...(hasTime ? [] : ["timestamp"])]);
	return missing?.replace(/holds the timestamps\.$/, "holds the times, or give a time of rows without one.") ?? null;
}

function columnProblem(files: Dropped[], preview: Preview, ofRows: string[]): string | null {
	for (const { file } of files) {
		// Nothing of it can be read: what it is and what to do is said.
		const said = preview.problems.find((problem) => problem.file === file.name && problem.line === 0);
		if (said && !preview.files.some((one) => one.file === file.name && one.columns.length > 0))
			return ruleInWords(said.message);
	}
	for (const file of preview.files) {
		const isLeftOut = preview.warnings.some((one) => one.code === "left_out" && one.file === file.name);
		if (file.columns.length === 0 || isLeftOut) continue;
		const has = (role: string) => file.columns.some((column) => column.role === role);
		const needed = file.role === "items" ? ["item"] : ofRows;
		const missing = needed.find((role) => !has(role));
		if (missing) return `Press the column of ${file.name} that holds the ${missing}s.`;
	}
	return null;
}

/** "ratings.csv, line 3: the id is empty"; what is about a file as a whole mostly names it itself. */
export function problemText({ file, line, ...said }: Pick<ImportProblem, "file" | "line" | "message">): string {
	const message = ruleInWords(said.message);
	if (line === 0 && message.includes(file)) return message;
	return `${[file, line > 0 && `line ${line}`].filter(Boolean).join(", ")}: ${message}`;
}

/** Data sets that anybody may fetch, and which of their files to drop here. */
export const PUBLIC_DATASETS = [
	{
		name: "MovieLens",
		about: "Ratings of films, from 100,000 to 33 million",
		url: "https://grouplens.org/datasets/movielens/",
		take: "ml-latest-small.zip for a first try; drop the archive as it is",
	},
	{
		name: "Amazon Reviews",
		about: "Reviews of products, by category",
		url: "https://amazon-reviews-2023.github.io/",
		take: "the 5-core ratings (CSV) of one category, and its meta file for the titles",
	},
	{
		name: "Last.fm (HetRec 2011)",
		about: "What 1,900 people listen to",
		url: "https://grouplens.org/datasets/hetrec-2011/",
		take: "hetrec2011-lastfm-2k.zip; drop the archive as it is",
	},
	{
		name: "Yelp Open Dataset",
		about: "Reviews of businesses",
		url: "https://business.yelp.com/data/resources/open-dataset/",
		take: "yelp_academic_dataset_review.json, and yelp_academic_dataset_business.json for the names",
	},
	{
		name: "Steam",
		about: "Reviews and libraries of players",
		url: "https://cseweb.ucsd.edu/~jmcauley/datasets.html#steam_data",
		take: "the version 1 reviews as one archive",
	},
] as const;
