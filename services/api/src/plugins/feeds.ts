// app.feeds: the only writer of feeds. One transaction at a time holds a feed's row, so that counts are exact and no two
// writers wait for each other in a circle; what is sent meanwhile goes into the next one together: many small requests cost
// few commits.
import fp from "fastify-plugin";
import { announceRows, type Sent, type Stored, store } from "../feeds/storing.js";
import { ApiError } from "../http/errors.js";
import { allow, type Transaction } from "./prisma.js";

/** Rows of one transaction. Above it a commit is a small part of the cost. */
const MOST_ROWS = 5_000;

export interface Feeds {
	/** Stores interactions; what has become of them, once they are committed and answers know them. Throws not_found. */
	add(name: string, sent: Sent): Promise<Stored>;
	/** A transaction in which nobody else writes to the feed; `timeout` in milliseconds. Throws not_found. */
	hold<T>(name: string, work: (tx: Transaction, feed: number) => Promise<T>, timeout?: number): Promise<T>;
	/** What has to be done before whoever sent interactions is answered, once they are committed. Must not throw. */
	afterAdd(follow: (feed: number) => Promise<void>): void;
}
declare module "fastify" {
	interface FastifyInstance {
		feeds: Feeds;
	}
}

interface Waiting {
	sent: Sent;
	resolve(stored: Stored): void;
	reject(error: unknown): void;
}

export const noFeed = () => new ApiError("not_found", "There is no feed with this name.");

export default fp(
	async (app) => {
		/** By the name of a feed that is being written to: what waits for the next transaction. */
		const queues = new Map<string, Waiting[]>();
		/** The last that is to hold a feed: who comes waits here, and not on a connection to the database. */
		const turns = new Map<string, Promise<unknown>>();
		let followed: (feed: number) => Promise<void> = async () => undefined;

		function hold<T>(name: string, work: (tx: Transaction, feed: number) => Promise<T>, timeout?: number): Promise<T> {
			const mine = (turns.get(name) ?? Promise.resolve()).then(() => holdNow(name, work, timeout));
			const settled = mine.catch(() => undefined);
			turns.set(name, settled);
			void settled.then(() => turns.get(name) === settled && turns.delete(name));
			return mine;
		}

		const holdNow: Feeds["hold"] = (name, work, timeout) =>
			(timeout === undefined ? app.prisma : app.patient).$transaction(
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
				const written = hold(name, async (tx, feed) => {
					if (some.length === 0) some.push(...queue.splice(0, howMany(queue)));
					const requests = some.map(({ sent }) => sent);
					const stored = await store(tx, feed, requests);
					await announceRows(tx, feed);
					return { feed, stored };
				});
				await written.then(
					({ feed, stored }) => {
						// The next ones are written meanwhile.
						void followed(feed).then(() => {
							for (const [index, { resolve }] of some.entries()) resolve(stored[index] as Stored);
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
			add: (name, sent) =>
				new Promise((resolve, reject) => {
					const one = { sent, resolve, reject };
					const queue = queues.get(name);
					if (queue) return void queue.push(one);
					const begun = [one];
					queues.set(name, begun);
					void writeAll(name, begun);
				}),
			hold,
			afterAdd(follow) {
				followed = follow;
			},
		} satisfies Feeds);
	},
	{ name: "feeds", dependencies: ["prisma"] },
);

/** The first of those that wait, and as many more as fit beside it. */
function howMany(queue: Waiting[]): number {
	let rows = 0;
	const tooMany = queue.findIndex(({ sent }, index) => {
		rows += sent.interactions.length;
		return index > 0 && rows > MOST_ROWS;
	});
	return tooMany === -1 ? queue.length : tooMany;
}
