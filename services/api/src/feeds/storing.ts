// Rows into the tables of a feed, by whoever holds its row.
import { Prisma } from "../generated/prisma/client.js";
import type { Transaction } from "../plugins/prisma.js";
import { erasedAmong } from "./erasures.js";
import type { Interaction } from "./interaction.js";

/** What other processes listen to, to follow a feed. */
export const FEED_CHANNEL = "feeds";
/** In the transaction that adds rows. */
export async function announceRows(tx: Transaction, feed: number): Promise<void> {
	await tx.$executeRaw`SELECT pg_notify(${FEED_CHANNEL}, ${JSON.stringify([feed])})`;
}

export interface Sent {
	interactions: Interaction[];
	/** By when it began to be sent: whoever was erased later is not brought back. */
	since: bigint;
	/** Whether it is to be said of each row what has become of it. */
	isEachTold?: boolean;
}
export type Outcome = "added" | "known" | "erased";
export interface Stored {
	/** Rows of which neither the id nor user, item and time was there, or earlier in these. */
	added: number;
	/** Rows left out, of people who were erased after they began to be sent. */
	erased: number;
	/** Of each row, where that is to be said. */
	outcomes?: Outcome[];
}

/** Says what has become of each request. */
export async function store(tx: Transaction, feed: number, sent: readonly Sent[]): Promise<Stored[]> {
	const [oldest = 0n] = sent.map(({ since }) => since).sort((a, b) => Number(a - b));
	const people = new Set(sent.flatMap(({ interactions }) => interactions.map(({ user }) => user)));
	const erased = await erasedAmong(tx, feed, oldest, people);
	const isKept = ({ user }: Interaction, since: bigint) => (erased.get(user) ?? since) <= since;
	const kept = sent.map(({ interactions, since }) => interactions.filter((row) => isKept(row, since)));
	const inserted = await insert(
		tx,
		feed,
		kept,
		sent.some(({ isEachTold }) => isEachTold),
	);
	return sent.map(({ interactions, since, isEachTold }, index) => {
		const { added, isNew = [] } = inserted[index] as Inserted;
		const left = isNew.values();
		const outcome = (row: Interaction): Outcome =>
			!isKept(row, since) ? "erased" : left.next().value ? "added" : "known";
		return {
			added,
			erased: interactions.length - (kept[index]?.length ?? 0),
			...(isEachTold && { outcomes: interactions.map(outcome) }),
		};
	});
}

interface Inserted {
	added: number;
	/** Of each row. */
	isNew?: boolean[];
}

/** What was new of each request; of which of its rows, where that is to be said or tells the requests apart. */
async function insert(
	tx: Transaction,
	feed: number,
	requests: Interaction[][],
	isEachTold: boolean,
): Promise<Inserted[]> {
	const all = requests.flat();
	const users = await keysOf(tx, "feed_users", feed, new Set(all.map(({ user }) => user)));
	const items = await keysOf(tx, "feed_items", feed, new Set(all.map(({ item }) => item)));
	// From keys, so that nothing is joined and no plan can be a bad one.
	const rows = Prisma.sql`
		INSERT INTO feed_interactions (feed_id, user_key, item_key, at, value, event_id, recommendation_id)
		SELECT ${feed}, * FROM unnest(${all.map(({ user }) => users.keys.get(user))}::bigint[],
			${all.map(({ item }) => items.keys.get(item))}::bigint[], ${all.map(({ at }) => at.toISOString())}::timestamptz[],
			${all.map(({ value }) => value)}::float8[], ${all.map(({ id }) => id)}::text[],
			${all.map(({ recommendationId }) => recommendationId)}::text[])
		ON CONFLICT DO NOTHING`;
	const inserted: Inserted[] =
		requests.length === 1 && !isEachTold
			? [{ added: await tx.$executeRaw(rows) }]
			: await newOf(tx, rows, requests, users.keys, items.keys);
	const sum = inserted.reduce((total, { added }) => total + added, 0);
	// Of whom every row was there under another name: an id that nothing needs is not kept.
	const isAnyKnown = sum < all.length;
	const needlessUsers = isAnyKnown ? await dropUsers(tx, feed, users.fresh) : 0;
	const needlessItems = isAnyKnown ? await dropItems(tx, feed, items.fresh) : 0;
	await tx.$executeRaw`
		UPDATE feeds SET interactions = interactions + ${sum}, users = users + ${users.fresh.length - needlessUsers},
			items = items + ${items.fresh.length - needlessItems} WHERE id = ${feed}`;
	return inserted;
}

/** Those of them that no row is left of. Returns how many. */
export async function dropUsers(tx: Transaction, feed: number, keys: readonly bigint[]): Promise<number> {
	if (keys.length === 0) return 0;
	return tx.$executeRaw`
		DELETE FROM feed_users u WHERE feed_id = ${feed} AND key = ANY(${keys}::bigint[])
			AND NOT EXISTS (SELECT 1 FROM feed_interactions r WHERE r.user_key = u.key)`;
}

/** Those of them that no row is left of, and nobody has said anything of. Returns how many. */
export async function dropItems(tx: Transaction, feed: number, keys: readonly bigint[]): Promise<number> {
	if (keys.length === 0) return 0;
	return tx.$executeRaw`
		DELETE FROM feed_items i WHERE feed_id = ${feed} AND key = ANY(${keys}::bigint[])
			AND title IS NULL AND tags = '{}' AND available
			AND NOT EXISTS (SELECT 1 FROM feed_interactions r WHERE r.item_key = i.key)`;
}

type Keys = Map<string, bigint>;

/** The numbers that ids have in a feed; those it has not seen yet are given one, and told as fresh. */
async function keysOf(
	tx: Transaction,
	table: "feed_users" | "feed_items",
	feed: number,
	ids: Set<string>,
): Promise<{ keys: Keys; fresh: bigint[] }> {
	const into = Prisma.raw(table);
	// Each is looked up by itself: with a list of them the planner, before it has statistics, reads the whole feed.
	const known = await tx.$queryRaw<{ id: string; key: bigint | null }[]>`
		SELECT given.id, (SELECT key FROM ${into} known WHERE feed_id = ${feed} AND known.id = given.id) AS key
		FROM unnest(${[...ids]}::text[]) AS given (id)`;
	const keys: Keys = new Map();
	for (const { id, key } of known) if (key !== null) keys.set(id, key);
	const missing = [...ids].filter((id) => !keys.has(id));
	if (missing.length === 0) return { keys, fresh: [] };
	const made = await tx.$queryRaw<{ id: string; key: bigint }[]>`
		INSERT INTO ${into} (feed_id, id) SELECT ${feed}, * FROM unnest(${missing}::text[]) RETURNING id, key`;
	for (const { id, key } of made) keys.set(id, key);
	return { keys, fresh: made.map(({ key }) => key) };
}

/** What was inserted is that of the first who sent it. */
async function newOf(
	tx: Transaction,
	insert: Prisma.Sql,
	requests: Interaction[][],
	users: Keys,
	items: Keys,
): Promise<Inserted[]> {
	const inserted = await tx.$queryRaw<{ user: bigint; item: bigint; at: Date; id: string | null }[]>`
		${insert} RETURNING user_key AS user, item_key AS item, at, event_id AS id`;
	const named = (user: unknown, item: unknown, at: Date, id: string | null) =>
		`${user} ${item} ${at.getTime()} ${id ?? ""}`;
	const left = new Set(inserted.map(({ user, item, at, id }) => named(user, item, at, id)));
	return requests.map((rows) => {
		const isNew = rows.map(({ user, item, at, id }) => left.delete(named(users.get(user), items.get(item), at, id)));
		return { added: isNew.filter(Boolean).length, isNew };
	});
}
