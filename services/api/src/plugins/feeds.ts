// app.feeds: the only writer of feeds. One transaction at a time holds a feed's row, so that counts are exact and no two
// writers wait for each other in a circle; what is sent meanwhile goes into the next one together: many small requests cost
// few commits.
import fp from "fastify-plugin";
import type { Interaction } from "../feeds/interaction.js";
import { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import type { Transaction } from "./prisma.js";

/** Rows of one transaction. Above it a commit is a small part of the cost. */
const MOST_ROWS = 5_000;

export interface Feeds {
	/** Stores interactions; how many of them were new, once they are committed and answers know them. Throws not_found. */
	add(name: string, interactions: Interaction[]): Promise<number>;
	/** A transaction in which nobody else writes to the feed; `timeout` in milliseconds. Throws not_found. */
	hold<T>(name: string, work: (tx: Transaction, feed: number) => Promise<T>, timeout?: number): Promise<T>;
}
declare module "fastify" {
	interface FastifyInstance {
		feeds: Feeds;
	}
}

interface Waiting {
	interactions: Interaction[];
	resolve(added: number): void;
	reject(error: unknown): void;
}

export const noFeed = () => new ApiError("not_found", "There is no feed with this name.");

export default fp(
	async (app) => {
		/** By the name of a feed that is being written to: what waits for the next transaction. */
		const queues = new Map<string, Waiting[]>();
		/** The last that is to hold a feed: who comes waits here, and not on a connection to the database. */
		const turns = new Map<string, Promise<unknown>>();

		function hold<T>(name: string, work: (tx: Transaction, feed: number) => Promise<T>, timeout?: number): Promise<T> {
			const mine = (turns.get(name) ?? Promise.resolve()).then(() => holdNow(name, work, timeout));
			const settled = mine.catch(() => undefined);
			turns.set(name, settled);
			void settled.then(() => turns.get(name) === settled && turns.delete(name));
			return mine;
		}

		const holdNow: Feeds["hold"] = (name, work, timeout) =>
			app.prisma.$transaction(
				async (tx) => {
					if (timeout !== undefined) await allow(tx, timeout);
					const [feed] = await tx.$queryRaw<
						{ id: number }[]
					>`SELECT id FROM feeds WHERE name = ${name} FOR NO KEY UPDATE`;
					if (!feed) throw noFeed();
					return work(tx, feed.id);
				},
				timeout === undefined ? {} : { timeout },
			);

		async function writeAll(name: string, queue: Waiting[]): Promise<void> {
			while (queue.length > 0) {
				const some: Waiting[] = [];
				// Taken when it is their turn: more may have come while others held the feed.
				const added = hold(name, async (tx, feed) => {
					if (some.length === 0) some.push(...queue.splice(0, howMany(queue)));
					const requests = some.map(({ interactions }) => interactions);
					const counts = await store(tx, feed, requests);
					await app.live.announce(tx, feed);
					return { feed, counts };
				});
				await added.then(
					({ feed, counts }) => {
						// The next ones are written meanwhile.
						void app.live.refresh(feed).then(() => {
							for (const [index, { resolve }] of some.entries()) resolve(counts[index] ?? 0);
						});
					},
					(error) => {
						// Nobody was taken where the feed could not be held.
						if (some.length === 0) some.push(...queue.splice(0, howMany(queue)));
						for (const { reject } of some) reject(error);
					},
				);
			}
			queues.delete(name);
		}

		app.decorate("feeds", {
			add: (name, interactions) =>
				new Promise((resolve, reject) => {
					const one = { interactions, resolve, reject };
					const queue = queues.get(name);
					if (queue) return void queue.push(one);
					const begun = [one];
					queues.set(name, begun);
					void writeAll(name, begun);
				}),
			hold,
		} satisfies Feeds);
	},
	{ name: "feeds", dependencies: ["prisma", "live"] },
);

/** The first of those that wait, and as many more as fit beside it. */
function howMany(queue: Waiting[]): number {
	let rows = 0;
	const tooMany = queue.findIndex(({ interactions }, index) => {
		rows += interactions.length;
		return index > 0 && rows > MOST_ROWS;
	});
	return tooMany === -1 ? queue.length : tooMany;
}

/** For a transaction that may take longer than a request should. */
export async function allow(tx: Transaction, milliseconds: number): Promise<void> {
	await tx.$executeRaw`SELECT set_config(name, ${String(milliseconds)}, true)
		FROM unnest(ARRAY['statement_timeout', 'idle_in_transaction_session_timeout']) AS name`;
}

/** Returns how many of each request were new: neither their id nor their user, item and time was there, or earlier in these. */
async function store(tx: Transaction, feed: number, requests: Interaction[][]): Promise<number[]> {
	const all = requests.flat();
	const users = await keysOf(tx, "feed_users", feed, new Set(all.map(({ user }) => user)));
	const items = await keysOf(tx, "feed_items", feed, new Set(all.map(({ item }) => item)));
	// From keys, so that nothing is joined and no plan can be a bad one.
	const insert = Prisma.sql`
		INSERT INTO feed_interactions (feed_id, user_key, item_key, at, value, event_id)
		SELECT ${feed}, * FROM unnest(${all.map(({ user }) => users.keys.get(user))}::bigint[],
			${all.map(({ item }) => items.keys.get(item))}::bigint[], ${all.map(({ at }) => at.toISOString())}::timestamptz[],
			${all.map(({ value }) => value)}::float8[], ${all.map(({ id }) => id)}::text[])
		ON CONFLICT DO NOTHING`;
	const added =
		requests.length === 1
			? [await tx.$executeRaw(insert)]
			: await addedOf(tx, insert, requests, users.keys, items.keys);
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
