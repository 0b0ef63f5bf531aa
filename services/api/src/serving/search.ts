// Finding users and items: by the beginning of the id, by words of the title, by tag; some at a time.
import { setImmediate as nextTurn } from "node:timers/promises";
import { ApiError } from "../http/errors.js";
import type { IdTable } from "./id-table.js";
import { type Vocabulary, wordsOf } from "./vocabulary.js";

export interface Found {
	positions: number[];
	/** Of all pages. */
	total: number;
	next: string | null;
}
/** Items looked at before others have their turn. */
const AT_ONCE = 20_000;
type Page = { limit: number; cursor?: string };

/**
 * Users whose id begins with `prefix`, in the order of their ids: those of the `tables` but for their `erased` rows, and `others` whose
 * ids begin so, too.
 */
export function usersByPrefix(
	tables: readonly { users: IdTable; erased: ReadonlySet<number> }[],
	prefix: string,
	others: string[],
	{ limit, cursor }: Page,
): { ids: string[]; total: number; next: string | null } {
	const after = cursor === undefined ? null : idOf(cursor);
	const rest = others.map((id) => Buffer.from(id)).filter((id) => after === null || id.compare(Buffer.from(after)) > 0);
	const found: Buffer[] = rest.sort(Buffer.compare).slice(0, limit + 1);
	let total = others.length;
	for (const { users, erased } of tables) {
		const [from, to] = users.withPrefix(prefix);
		const start = after === null ? from : Math.min(to, Math.max(from, users.rankAfter(after)));
		const own: Buffer[] = [];
		for (let rank = start; rank < to && own.length <= limit; rank++)
			if (!erased.has(users.at(rank))) own.push(Buffer.from(users.id(users.at(rank))));
		found.push(...own);
		total += to - from - count(users, erased, prefix);
	}
	const all = found.sort(Buffer.compare).map(String);
	const ids = all.slice(0, limit);
	return { ids, total, next: all.length > limit ? cursorAfter(ids.at(-1) as string) : null };
}

/** Some of those whom training knows by chance, each at most once. */
export function someUsers(
	{ users }: Vocabulary,
	erased: ReadonlySet<number>,
	prefix: string,
	limit: number,
): { ids: string[]; total: number } {
	const [from, to] = users.withPrefix(prefix);
	const total = to - from - count(users, erased, prefix);
	const chosen = new Set<number>();
	while (chosen.size < Math.min(limit, total)) {
		const row = users.at(from + Math.floor(Math.random() * (to - from)));
		if (!erased.has(row)) chosen.add(row);
	}
	return { ids: Array.from(chosen, (row) => users.id(row)), total };
}

const count = (users: IdTable, rows: ReadonlySet<number>, prefix: string) =>
	Array.from(rows).filter((row) => users.id(row).startsWith(prefix)).length;

/** Items whose id begins with `text` or whose title has all its words, each as the beginning of a word; the most popular first. */
export async function itemsBy(
	vocabulary: Vocabulary,
	text: string,
	tag: string | undefined,
	page: Page,
): Promise<Found> {
	const { items, byPopularity } = vocabulary;
	const words = wordsOf(text).split(" ").filter(Boolean);
	const [from, to] = items.ids.withPrefix(text);
	const byId = new Uint8Array(text === "" ? 0 : items.ids.length);
	if (text !== "") for (let rank = from; rank < to; rank++) byId[items.ids.at(rank)] = 1;
	const wanted = tag === undefined ? null : vocabulary.tagIndex(tag);
	const start = page.cursor === undefined ? 0 : placeOf(page.cursor);
	const positions: number[] = [];
	let total = 0;
	for (const [place, column] of byPopularity.entries()) {
		if (place % AT_ONCE === AT_ONCE - 1) await nextTurn();
		if (wanted !== null && !hasTag(vocabulary, column, wanted)) continue;
		if (text !== "" && !byId[column] && !hasWords(items.searched[column] as string, words)) continue;
		if (total >= start && positions.length < page.limit) positions.push(column);
		total++;
	}
	const end = start + positions.length;
	return { positions, total, next: end < total ? cursorOf(end) : null };
}

function hasWords(title: string, words: string[]): boolean {
	return words.length > 0 && words.every((word) => title.startsWith(word) || title.includes(` ${word}`));
}

function hasTag({ items: { tagStarts, tagIndices } }: Vocabulary, column: number, tag: number): boolean {
	return tagIndices.subarray(tagStarts[column], tagStarts[column + 1]).includes(tag);
}

/** Of a list that has places: how many come before. */
export const cursorOf = (place: number) => Buffer.from(`${place}`).toString("base64url");

/** Throws invalid_cursor. */
export function placeOf(cursor: string): number {
	const text = Buffer.from(cursor, "base64url").toString();
	if (/^\d{1,12}$/.test(text)) return Number(text);
	throw notOurs();
}

/** Of an id in a cursor: people may come and go between two pages. */
export const LONGEST_CURSOR = 700;
const AFTER = "after ";
const cursorAfter = (id: string) => Buffer.from(AFTER + id).toString("base64url");

/** Throws invalid_cursor. */
function idOf(cursor: string): string {
	const text = Buffer.from(cursor, "base64url").toString();
	if (text.startsWith(AFTER)) return text.slice(AFTER.length);
	throw notOurs();
}

const notOurs = () =>
	new ApiError("invalid_cursor", "Take the cursor from nextCursor of the page before.", [
		{ pointer: "/query/cursor", code: "invalid_cursor", message: "is not one that this list gave out" },
	]);
