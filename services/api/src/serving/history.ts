// What the dataset and the feed know of a person as one list, newest first: what both hold, the same item at the same time, once. A page
// goes on from the row before it: what comes or goes meanwhile moves no other row into the next page, nor out of it.
import type { FastifyInstance } from "fastify";
import { withDeadline } from "../deadline.js";
import type { Row } from "../feeds/people.js";
import type { ItemAt } from "../generated/proto/recommender/v1/recommender.js";
import { cursorOfNumbers, numbersOf } from "../http/cursor.js";
import type { Deployed } from "../plugins/deployments.js";
import type { Vocabulary } from "./vocabulary.js";

export interface Beginning {
	/** Rows of the dataset that come before. */
	start: number;
	/** The row of the feed, or its place, that comes before; null at the beginning. */
	after: Pick<Row, "at" | "seq"> | null;
}

interface Own {
	id: string;
	/** Milliseconds since 1970; absent where unknown. */
	atMs?: number | undefined;
}
/** A page waits no longer for titles that it can go without. */
const TITLES_WAIT_MS = 1_000;
/** Rows of a person that the recommender is asked about at once, at most: so many fit into a message, however long their ids are. */
const MOST_ASKED = 4_000;

/** The rows that the feed alone holds, and which of the dataset's it holds too: `held` tells the places of those that the dataset has. */
export async function apart(
	rows: readonly Row[],
	held: (some: ItemAt[]) => Promise<number[]>,
): Promise<{ rows: readonly Row[]; isLive: (own: Own) => boolean }> {
	const keyOf = (item: string, at: number | undefined) => `${at} ${item}`;
	const asking: Promise<string[]>[] = [];
	for (let start = 0; start < rows.length; start += MOST_ASKED) {
		const some = rows.slice(start, start + MOST_ASKED).map(({ item, at }) => ({ id: item, atMs: at }));
		const keys = some.map(({ id, atMs }) => keyOf(id, atMs));
		asking.push(held(some).then((places) => places.flatMap((place) => keys[place] ?? [])));
	}
	const both = new Set((await Promise.all(asking)).flat());
	return {
		rows: rows.filter(({ item, at }) => !both.has(keyOf(item, at))),
		isLive: ({ id, atMs }) => both.has(keyOf(id, atMs)),
	};
}

/** Throws invalid_cursor. */
export function beginningOf(cursor: string | undefined): Beginning {
	if (cursor === undefined) return { start: 0, after: null };
	const [start, at, seq] = numbersOf(cursor, 3).map(Number) as [number, number, number];
	return { start, after: { at, seq } };
}

/** Of what the dataset holds from `start` on, at least `limit` rows or all of them, and of the rows of the feed alone, oldest first. */
export function pageOf<T extends Pick<Own, "atMs">>(
	{ start, after }: Beginning,
	limit: number,
	{ own, total }: { own: T[]; total: number },
	rows: readonly Row[],
): { shown: ({ own: T } | { live: Row })[]; next: string | null } {
	const older = rows.filter(({ at, seq }) => !after || at < after.at || (at === after.at && seq < after.seq));
	const shown: ({ own: T } | { live: Row })[] = [];
	let taken = 0;
	let last = after ?? { at: 0, seq: 0 };
	while (shown.length < limit) {
		const one = own[taken];
		const live = older.at(-1);
		if (!one && !live) break;
		if (live && (one?.atMs === undefined || live.at >= one.atMs)) {
			older.pop();
			shown.push({ live });
			last = live;
		} else if (one) {
			taken++;
			shown.push({ own: one });
			// Of the same moment the feed's rows come first: none of them follows, nor any after what has no time.
			last = { at: Math.max(0, one.atMs ?? 0), seq: 0 };
		}
	}
	const isMore = start + taken < total || older.length > 0;
	return { shown, next: isMore ? cursorOfNumbers(start + taken, last.at, last.seq) : null };
}

/**
 * How these items appear in answers, and whether the model knows each. What the feed calls the others is read from the database, in one
 * question: it may describe more items than memory should hold.
 */
export async function feedItems(
	app: FastifyInstance,
	vocabulary: Vocabulary,
	deployed: Deployed | null,
	ids: string[],
): Promise<(id: string) => { id: string; title: string | null; known: boolean }> {
	const unknown = [...new Set(ids)].filter((id) => vocabulary.items.ids.indexOf(id) < 0);
	const titles = await titlesOf(app, deployed, unknown);
	return (id) => {
		const column = vocabulary.items.ids.indexOf(id);
		return column < 0
			? { id, title: titles.get(id) ?? null, known: false }
			: { ...vocabulary.titled(column), known: true };
	};
}

async function titlesOf(app: FastifyInstance, deployed: Deployed | null, ids: string[]) {
	if (!deployed?.feed || ids.length === 0) return new Map<string, string | null>();
	const where = { feedId: deployed.feed.id, id: { in: ids } };
	const asked = app.prisma.feedItem.findMany({ where, select: { id: true, title: true } });
	const items = await withDeadline(asked, TITLES_WAIT_MS, "the database does not answer").catch((err) => {
		app.log.warn({ err }, "answered without the titles of some items that no model knows yet");
		return deployed.newItems;
	});
	return new Map(items.map(({ id, title }) => [id, title]));
}
