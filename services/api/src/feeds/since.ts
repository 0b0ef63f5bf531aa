// What people have met in a feed between two moments → a staged file for the trainer, a line a person, however many there are.
import type { FastifyInstance } from "fastify";
import { Prisma } from "../generated/prisma/client.js";
import { AT_ONE_MOMENT, allow, LONGEST_MS } from "../plugins/prisma.js";
import { linesOf } from "./snapshot.js";

/** While PostgreSQL sorts nothing else tells that the work goes on. */
const SIGN_MS = 5_000;

/** Rows of the feed after `since` and up to `upTo`, which are numbers of its rows. */
export interface Since {
	feed: number;
	since: number;
	upTo: number;
}

/**
 * `users`: of these alone; empty: of everybody. The same rows are the same bytes. Whoever calls it discards the upload. `heard` is told that
 * it goes on.
 */
export function stageSince(
	app: FastifyInstance,
	{ feed, since, upTo }: Since,
	users: string[],
	signal: AbortSignal,
	heard: () => void,
): Promise<{ uploadKey: string; sha256: string }> {
	const range = Prisma.sql`feed_id = ${feed} AND seq > ${BigInt(since)} AND seq <= ${BigInt(upTo)}`;
	// Of a few each is looked up by itself: a join might read and sort the whole feed for them.
	const rows =
		users.length === 0
			? Prisma.sql`feed_interactions WHERE ${range}`
			: Prisma.sql`unnest(${users}::text[]) AS asked (id),
				LATERAL (SELECT key FROM feed_users WHERE feed_id = ${feed} AND id = asked.id LIMIT 1) AS who,
				LATERAL (SELECT * FROM feed_interactions WHERE user_key = who.key AND ${range} OFFSET 0) AS own`;
	const query = Prisma.sql`
		SELECT u.id AS user, array_agg(i.id ORDER BY met.at, met.seq) AS items,
			array_agg((extract(epoch FROM met.at) * 1000)::float8 ORDER BY met.at, met.seq) AS at
		FROM (
			SELECT DISTINCT ON (user_key, item_key) user_key, item_key, at, seq FROM ${rows}
			ORDER BY user_key, item_key, at DESC, seq DESC
		) AS met JOIN feed_users u ON u.feed_id = ${feed} AND u.key = user_key JOIN feed_items i ON i.feed_id = ${feed} AND i.key = item_key
		GROUP BY u.id ORDER BY u.id COLLATE "C"`;
	return app.patient.$transaction(
		async (tx) => {
			await allow(tx, LONGEST_MS);
			await tx.$executeRaw`SET LOCAL work_mem = '64MB'`; // to sort them
			const sign = setInterval(heard, SIGN_MS);
			try {
				const lines = linesOf<{ user: string; items: string[]; at: number[] }>(tx, query, (person) => person);
				const { uploadKey, sha256 } = await app.trainer.uploadFile(until(signal, lines));
				return { uploadKey, sha256 };
			} finally {
				clearInterval(sign);
			}
		},
		{ ...AT_ONE_MOMENT, timeout: LONGEST_MS },
	);
}

async function* until(signal: AbortSignal, lines: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
	for await (const some of lines) {
		signal.throwIfAborted();
		yield some;
	}
}
