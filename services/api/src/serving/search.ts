// Finding users and items: by the beginning of the id, by words of the title, by tag; some at a time.
import { setImmediate as nextTurn } from "node:timers/promises";
import { ApiError } from "../http/errors.js";
import type { IdTable } from "./id-table.js";
import { type Vocabulary, wordsOf } from "./vocabulary.js";

/** Where a page ended: the last rank or place of what was looked through. */
export interface Found {
	positions: number[];
	/** Of all pages. */
	total: number;
	next: string | null;
}
/** Items looked at before others have their turn. */
const AT_ONCE = 20_000;
type Page = { limit: number; cursor?: string };

/** Users whose id begins with `prefix`, in the order of their ids. */
export function usersByPrefix({ users }: Vocabulary, prefix: string, page: Page): Found {
	return byRank(users, users.withPrefix(prefix), page);
}

/** Some of those by chance, each at most once. */
export function someUsers({ users }: Vocabulary, prefix: string, limit: number): Found {
	const [from, to] = users.withPrefix(prefix);
	const chosen = new Set<number>();
	const count = Math.min(limit, to - from);
	while (chosen.size < count) chosen.add(from + Math.floor(Math.random() * (to - from)));
	return { positions: Array.from(chosen, (rank) => users.at(rank)), total: to - from, next: null };
}

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

function byRank(ids: IdTable, [from, to]: [number, number], { limit, cursor }: Page): Found {
	const start = Math.max(from, cursor === undefined ? from : placeOf(cursor));
	const end = Math.min(to, start + limit);
	const positions = Array.from({ length: Math.max(0, end - start) }, (_, index) => ids.at(start + index));
	return { positions, total: to - from, next: end < to ? cursorOf(end) : null };
}

/** Of a list that has places: how many come before. */
export const cursorOf = (place: number) => Buffer.from(`${place}`).toString("base64url");

/** Throws invalid_cursor. */
export function placeOf(cursor: string): number {
	const text = Buffer.from(cursor, "base64url").toString();
	if (/^\d{1,12}$/.test(text)) return Number(text);
	throw new ApiError("invalid_cursor", "Take the cursor from nextCursor of the page before.", [
		{ pointer: "/query/cursor", code: "invalid_cursor", message: "is not one that this list gave out" },
	]);
}
