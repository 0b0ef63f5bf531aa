// The columns of a table of what was measured of single users, and what pressing one asks for.
import { metricTitle } from "./format";
import type { Known } from "./measures";

export interface ValueColumn {
	/** What the service sorts by. */
	name: string;
	title: string;
}

export const FACTS: ValueColumn[] = [
	{ name: "user", title: "User" },
	{ name: "history", title: "Known of them" },
	{ name: "items", title: "To be found" },
];

export const columnsOf = (names: string[], known: Known[]): ValueColumn[] => [
	...FACTS,
	...names.map((name) => ({ name, title: metricTitle(`.${name}`, known) })),
];

/** Numbers begin with the largest, names with the first; pressed again the order turns round. */
export function pressed(name: string, now: { sort: string | null; order: string | null }) {
	const first = name === "user" ? "asc" : "desc";
	const other = first === "asc" ? "desc" : "asc";
	const order = now.sort !== name || now.order === other ? first : other;
	return { sort: name, order, cursor: null };
}
