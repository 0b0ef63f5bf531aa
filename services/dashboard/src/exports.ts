// What an export is asked for, in the words of its form and of its list.
import type { Export } from "@valence/client";
import { count } from "./format";

export const FORMATS = [
	{ value: "csv", label: "CSV, a row a recommendation" },
	{ value: "ndjson", label: "NDJSON, a line a user" },
	{ value: "parquet", label: "Parquet, a row a recommendation" },
] as const;

const MOST_USERS = 100_000;

/** One id a line; spaces inside an id stay, empty lines and repetitions do not count. */
export const idsOf = (text: string) => [...new Set(text.split(/\r?\n/).map((line) => line.trim()))].filter(Boolean);

export const idsProblem = (ids: string[]) =>
	ids.length > MOST_USERS ? `At most ${count(MOST_USERS)} ids; these are ${count(ids.length)}.` : null;

/** "20 a user, for everybody, explained". */
export function wish({ n, users, explain, unknownUsers }: Pick<Export, "n" | "users" | "explain" | "unknownUsers">) {
	const whom = users === null ? "everybody" : `${count(users)} ${users === 1 ? "user" : "users"}`;
	const unknown = unknownUsers ? ` (${count(unknownUsers)} unknown)` : "";
	return `${count(n)} each for ${whom}${unknown}${explain ? ", explained" : ""}`;
}
