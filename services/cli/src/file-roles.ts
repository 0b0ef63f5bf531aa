// Which part of a dataset a file is, by its name: ml.train.inter, valid.csv.gz, items.tsv, movies.csv, ratings.csv.
import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { readable } from "./contents.js";
import { Failure, wrongUsage } from "./failure.js";

export const ROLES = ["interactions", "train", "valid", "test", "items"] as const;
export type Role = (typeof ROLES)[number];
export interface RoleFile {
	path: string;
	role: Role;
	/** Only the name says the role: what is in the file may say another. */
	isGuess?: boolean;
}

/** Words of a name that say the role. What the items are of a field's best-known datasets counts, too. */
const WORDS: [Role, RegExp][] = [
	["train", /^(train|training)$/],
	["valid", /^(valid|validation|val|dev)$/],
	["test", /^(test|testing)$/],
	[
		"items",
		/^(items?|titles?|movies?|products?|articles?|tracks?|songs?|artists?|books?|business(es)?|games?|news|catalog(ue)?|meta|metadata)$/,
	],
];
/** Of a folder only what may hold a table is taken. */
const TABLE = /\.(csv|tsv|txt|dat|data|inter|item|json|jsonl|ndjson|parquet)(\.(gz|zst))?$|\.(zip|tar|tgz)$/i;
/** A folder in RecBole's form says with its endings what belongs to the dataset. */
const RECBOLE = /\.(inter|item)(\.(gz|zst))?$/i;

/** What published folders hold beside their interactions and items. */
const BESIDE = /^(\.|(readme|licen[cs]e|links|tags|users?|genome[-_].*)\.)/i;

/** What an archive holds says its own parts. */
const ARCHIVE = /\.(zip|tar(\.gz)?|tgz)$/i;

export function roleOf(path: string): Role {
	if (ARCHIVE.test(path)) return "interactions";
	const words = basename(path)
		.toLowerCase()
		.split(/[^a-z]+/);
	// RecBole's ml.item is of the items; the ending .inter says nothing, as ml.train.inter shows.
	for (const [role, word] of WORDS) if (words.some((one) => word.test(one))) return role;
	return "interactions";
}

/** Files as they are, folders by the tables in them. Throws for what is not there. */
export function filesOf(paths: string[]): RoleFile[] {
	return paths.flatMap((path) => {
		if (!readable(path).isDirectory()) return [{ path: regularFile(path), role: roleOf(path), isGuess: true }];
		const tables = readdirSync(path).filter((name) => TABLE.test(name) && !BESIDE.test(name));
		if (tables.length === 0)
			throw new Failure(`${path} holds no table: no .csv, .tsv, .inter, .json, .parquet or .zip`);
		const recbole = tables.filter((name) => RECBOLE.test(name));
		const names = recbole.some((name) => /\.inter/i.test(name)) ? recbole : tables;
		return names.sort().map((name) => ({ path: join(path, name), role: roleOf(name), isGuess: true }));
	});
}

/** The path. Throws for what is no file that can be read twice. */
export function regularFile(path: string): string {
	const found = readable(path);
	if (found.isDirectory()) throw wrongUsage(`${path} is a folder, where a file is needed`);
	if (!found.isFile()) throw wrongUsage(`${path} is a pipe or a device; save it as a file first`);
	return path;
}

/** What the dataset is called when nobody says: the folder, else the first file without the words for its part. */
export function nameOf(paths: string[], files: RoleFile[]): string {
	const [first = ""] = paths;
	if (statSync(first, { throwIfNoEntry: false })?.isDirectory()) return basename(first);
	const file = files.find(({ role }) => role !== "items") ?? files[0];
	const [stem = ""] = basename(file?.path ?? first).split(/\.(?=[a-z]+(?:\.|$))/i);
	return stem || basename(first);
}
