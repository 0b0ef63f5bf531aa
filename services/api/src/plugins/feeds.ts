// app.feeds: the only writer of feeds. One transaction at a time holds a feed's row, so that counts are exact and no two
// writers wait for each other in a circle; what is sent meanwhile goes into the next one together: many small requests cost
// few commits.
import fp from "fastify-plugin";
import type { Interaction } from "../feeds/interaction.js";
import { ApiError } from "../http/errors.js";
import type { Transaction } from "./prisma.js";

/** Rows of one transaction. Above it a commit is a small part of the cost. */
const MOST_ROWS = 5_000;

export interface Feeds {
	/** Stores interactions; how many of them were new, once they are committed. Throws not_found. */
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
				const added = hold(name, (tx, feed) => {
					if (some.length === 0) some.push(...queue.splice(0, howMany(queue)));
					return store(
						tx,
						feed,
						some.map(({ interactions }) => interactions),
					);
				});
				await added.then(
					(counts) => {
						for (const [index, { resolve }] of some.entries()) resolve(counts[index] ?? 0);
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
	{ name: "feeds", dependencies: ["prisma"] },
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

const distinct = (texts: string[]) => [...new Set(texts)];

/** Returns how many of each request were new: neither their id nor their user, item and time was there, or earlier in these. */
async function store(tx: Transaction, feed: number, requests: Interaction[][]): Promise<number[]> {
	const all = requests.flat();
	const users = distinct(all.map(({ user }) => user));
	const items = distinct(all.map(({ item }) => item));
	const newUsers = await tx.$executeRaw`
		INSERT INTO feed_users (feed_id, id) SELECT ${feed}, id FROM unnest(${users}::text[]) AS given (id)
		WHERE NOT EXISTS (SELECT 1 FROM feed_users u WHERE u.feed_id = ${feed} AND u.id = given.id)`;
	const newItems = await tx.$executeRaw`
		INSERT INTO feed_items (feed_id, id) SELECT ${feed}, id FROM unnest(${items}::text[]) AS given (id)
		WHERE NOT EXISTS (SELECT 1 FROM feed_items i WHERE i.feed_id = ${feed} AND i.id = given.id)`;
	const column = <T>(of: (row: Interaction) => T) => all.map(of);
	const stored = await tx.$queryRaw<{ request: number; added: number }[]>`
		WITH given AS (
			SELECT u.key AS user_key, i.key AS item_key, at, value, event_id, request, position
			FROM unnest(${column(({ user }) => user)}::text[], ${column(({ item }) => item)}::text[],
				${column(({ at }) => at.toISOString())}::timestamptz[], ${column(({ value }) => value)}::float8[],
				${column(({ id }) => id)}::text[], ${requests.flatMap((rows, index) => rows.map(() => index))}::int[])
				WITH ORDINALITY AS row (user_id, item_id, at, value, event_id, request, position)
			JOIN feed_users u ON u.feed_id = ${feed} AND u.id = user_id
			JOIN feed_items i ON i.feed_id = ${feed} AND i.id = item_id
		), stored AS (
			INSERT INTO feed_interactions (feed_id, user_key, item_key, at, value, event_id)
			SELECT ${feed}, user_key, item_key, at, value, event_id FROM given ORDER BY position
			ON CONFLICT DO NOTHING RETURNING user_key, item_key, at, event_id
		), first AS (
			SELECT min(request) AS request FROM stored JOIN given USING (user_key, item_key, at)
			WHERE stored.event_id IS NOT DISTINCT FROM given.event_id GROUP BY user_key, item_key, at
		)
		SELECT request, count(*)::int AS added FROM first GROUP BY request`;
	const added = requests.map((_, index) => stored.find(({ request }) => request === index)?.added ?? 0);
	const sum = added.reduce((total, one) => total + one, 0);
	// Of whom every row was there under another name: an id that nothing needs is not kept.
	const needless =
		newUsers > 0 && sum < all.length
			? await tx.$executeRaw`
				DELETE FROM feed_users u WHERE feed_id = ${feed} AND id = ANY(${users}::text[])
					AND NOT EXISTS (SELECT 1 FROM feed_interactions r WHERE r.user_key = u.key)`
			: 0;
	await tx.$executeRaw`
		UPDATE feeds SET interactions = interactions + ${sum}, users = users + ${newUsers - needless}, items = items + ${newItems}
		WHERE id = ${feed}`;
	return added;
}
