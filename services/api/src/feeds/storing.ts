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
}
export interface Stored {
	/** Rows of which neither the id nor user, item and time was there, or earlier in these. */
	added: number;
	/** Rows left out, of people who were erased after they began to be sent. */
	erased: number;
}

/** Says what has become of each request. */
export async function store(tx: Transaction, feed: number, sent: readonly Sent[]): Promise<Stored[]> {
	const [oldest = 0n] = sent.map(({ since }) => since).sort((a, b) => Number(a - b));
	const people = new Set(sent.flatMap(({ interactions }) => interactions.map(({ user }) => user)));
	const erased = await erasedAmong(tx, feed, oldest, people);
	const kept = sent.map(({ interactions, since }) =>
		interactions.filter(({ user }) => (erased.get(user) ?? since) <= since),
	);
	const added = await insert(tx, feed, kept);
	return sent.map(({ interactions }, index) => ({
		added: added[index] ?? 0,
		erased: interactions.length - (kept[index]?.length ?? 0),
	}));
}

/** Returns how many of each request were new. */
async function insert(tx: Transaction, feed: number, requests: Interaction[][]): Promise<number[]> {
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
	const added =
		requests.length === 1 ? [await tx.$executeRaw(rows)] : await addedOf(tx, rows, requests, users.keys, items.keys);
	const sum = added.reduce((total, one) => total + one, 0);
	// Of whom every row was there under another name: an id that nothing needs is not kept.
	const isAnyKnown = sum < all.length;
	const needlessUsers =
		users.fresh.length > 0 && isAnyKnown
			? await tx.$executeRaw`
				DELETE FROM feed_users u WHERE feed_id = ${feed} AND key = ANY(${users.fresh}::bigint[])
					AND NOT EXISTS (SELECT 1 FROM feed_interactions r WHERE r.user_key = u.key)`
			: 0;
	const needlessItems =
		items.fresh.length > 0 && isAnyKnown
			? await tx.$executeRaw`
				DELETE FROM feed_items i WHERE feed_id = ${feed} AND key = ANY(${items.fresh}::bigint[])
					AND NOT EXISTS (SELECT 1 FROM feed_interactions r WHERE r.item_key = i.key)`
			: 0;
	await tx.$executeRaw`
		UPDATE feeds SET interactions = interactions + ${sum}, users = users + ${users.fresh.length - needlessUsers},
			items = items + ${items.fresh.length - needlessItems} WHERE id = ${feed}`;
	return added;
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
async function addedOf(
	tx: Transaction,
	insert: Prisma.Sql,
	requests: Interaction[][],
	users: Keys,
	items: Keys,
): Promise<number[]> {
	const inserted = await tx.$queryRaw<{ user: bigint; item: bigint; at: Date; id: string | null }[]>`
		${insert} RETURNING user_key AS user, item_key AS item, at, event_id AS id`;
	const named = (user: unknown, item: unknown, at: Date, id: string | null) =>
		`${user} ${item} ${at.getTime()} ${id ?? ""}`;
	const left = new Set(inserted.map(({ user, item, at, id }) => named(user, item, at, id)));
	const count = (rows: Interaction[]) =>
		rows.filter(({ user, item, at, id }) => left.delete(named(users.get(user), items.get(item), at, id))).length;
	return requests.map(count);
}
