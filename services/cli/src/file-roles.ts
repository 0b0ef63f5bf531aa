// Files as they are typed: which part of a dataset each is, where that is said, and what the dataset is called.
import { readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { readable } from "./contents.js";
import { Failure, wrongUsage } from "./failure.js";

export const ROLES = ["interactions", "train", "valid", "test", "items"] as const;
export type Role = (typeof ROLES)[number];
/** role: "file" where nobody has said it. */
export interface RoleFile {
	path: string;
	role: Role | "file";
}

/** What may hold a table, of all that lies in a folder; which of it is needed the service says. */
export const TABLE =
	/\.(csv|tsv|tab|txt|dat|json|jsonl|ndjson|parquet|pq|inter|item|data|base|test|zip|tar|tgz)(\.(gz|zst))?$|\.(gz|zst)$/i;

/** Files as they are, folders by the tables in them. Throws for what is not there. */
export function filesOf(paths: string[]): RoleFile[] {
	return paths.flatMap((path) => {
		if (!readable(path).isDirectory()) return [{ path: regularFile(path), role: "file" as const }];
		const tables = readdirSync(path).filter((name) => TABLE.test(name) && !name.startsWith("."));
		if (tables.length === 0)
			throw new Failure(`${path} holds no table: no .csv, .tsv, .inter, .json, .parquet or .zip`);
		return tables.sort().map((name) => ({ path: join(path, name), role: "file" as const }));
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
