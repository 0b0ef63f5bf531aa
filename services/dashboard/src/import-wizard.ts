// What the wizard of an upload knows: what the beginning of each file looks like, and what somebody has said of it.
import { type ImportProblem, type ImportRule, type Preview, type PreviewedFile, roleIn } from "@valence/client";
import { bytes } from "./format";
import { pointerInWords, ruleInWords } from "./in-words";

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
const ANY_ROLE = "file";

/** Of ratings that no least one limits. */
const RATINGS_ALL_TAKEN = "ratings_all_taken";

/** What a file is sent as: what somebody has said, else what its preview takes it for; null: it is left out. */
export const roleToSend = ({ file, role }: Dropped, preview: Preview | undefined): string | null =>
	role ?? (preview ? roleIn(preview, file.name) : "interactions");

/** Of a file that an import goes without, unless somebody says what it holds. */
export const isLeftOut = ({ code }: Pick<ImportProblem, "code">) => code === "not_needed";
export const leftOut = (preview: Preview) => preview.warnings.filter(isLeftOut).map(({ file }) => file);

/** Columns that somebody has chosen, by the name of their table and by role; a header name, or a position from 1. */
export type ColumnChoices = Record<string, Record<string, string | number>>;

const OF_ITEMS = ["title", "tags"];
export const isOfItems = (role: string | null) => role !== null && OF_ITEMS.includes(role);
/** Whether somebody has said that there are titles or tags in it: interactions that hold them are sent once more, as items. */
const hasTitles = ({ file }: Dropped, choices: ColumnChoices) =>
	OF_ITEMS.some((role) => choices[file.name]?.[role] !== undefined);

/** The files whose beginning is looked at, each with what it is taken for. */
export const filesToPreview = (files: Dropped[], choices: ColumnChoices): { file: File; role: string }[] =>
	files.flatMap((one) => onceMore(one, one.role ?? ANY_ROLE, choices));

/** The files that an import takes, each with what it is sent as. */
export const filesToSend = (
	files: Dropped[],
	preview: Preview | undefined,
	choices: ColumnChoices,
): { file: File; role: string }[] =>
	files.flatMap((one) => {
		const role = roleToSend(one, preview);
		return role === null ? [] : onceMore(one, role, choices);
	});

const onceMore = (one: Dropped, role: string, choices: ColumnChoices) => {
	const sent = { file: one.file, role };
	return role !== "items" && hasTitles(one, choices) ? [sent, { file: one.file, role: "items" }] : [sent];
};

/** "a.csv (items, 2 kB), b.csv (left out, 1 kB)" */
export const filesSentence = (files: Dropped[], preview: Preview | undefined, choices: ColumnChoices): string =>
	files
		.map((one) => {
			const roles = filesToSend([one], preview, choices).map(({ role }) => role);
			return `${one.file.name} (${roles.join(" and ") || "left out"}, ${bytes(one.file.size)})`;
		})
		.join(", ");

export const dropped = (files: File[]): Dropped[] => files.map((file) => ({ file, role: null }));

/** With further files; of those of one name the last stays, since the service tells them apart by name. */
export function withFiles(files: Dropped[], added: File[]): { files: Dropped[]; replaced: string[] } {
	const all = [...files, ...dropped(added)];
	const kept = all.filter(({ file }, at) => all.findLastIndex((one) => one.file.name === file.name) === at);
	const replaced = all.filter((one) => !kept.includes(one)).map(({ file }) => file.name);
	return { files: kept, replaced: [...new Set(replaced)] };
}

/** Whether what a table holds is said of its file: not with others in an archive, nor where it is read once more for titles. */
export const hasOwnRole = ({ file, name, role }: PreviewedFile, all: PreviewedFile[]): boolean => {
	const tables = all.filter((one) => one.file === file);
	return tables.length === 1 || (role !== "items" && tables.every((one) => one.name === name));
};

/** What a column of such a table may be. One of an archive is not sent once more, for its titles. */
export const columnRoles = ({ role, file, name }: Pick<PreviewedFile, "role" | "file" | "name">): string[] =>
	role === "items"
		? ["item", ...OF_ITEMS]
		: ["user", "item", "rating", "timestamp", ...(file === name ? OF_ITEMS : [])];

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
	const unknown = roleProblem(files, preview);
	if (unknown || !preview) return unknown;
	if (filesToSend(files, preview, {}).every(({ role }) => role === "items"))
		return "These are items only: the file of interactions is missing.";
	return columnProblem(files, preview, ["user", "item"]) ?? problemOfAll(preview);
}

function roleProblem(files: Dropped[], preview: Preview | undefined): string | null {
	// Taken for one part, what is held back to be tested on would be trained on.
	if (!preview) return files.some(({ role }) => role === null) && files.length > 1 ? UNKNOWN : null;
	return filesToSend(files, preview, {}).length === 0 ? "All of these files are left out: take one of them." : null;
}
const UNKNOWN = "What each of these files holds is not known; drop them again, or one alone.";

/** What the files together, or the rule, are refused for. */
function problemOfAll({ problems }: Preview): string | null {
	const said = problems.find(({ file }) => file === "");
	return said ? problemText(said) : null;
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
	if (files.length === 0) return null;
	const unknown = roleProblem(files, preview);
	if (unknown || !preview) return unknown;
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
	if (file === "") return ruleInWords(pointerInWords(said.message));
	const whole = ruleInWords(said.message);
	if (line === 0 && whole.includes(file)) return whole;
	const message = whole.startsWith(`${file}: `) ? whole.slice(file.length + 2) : whole;
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
