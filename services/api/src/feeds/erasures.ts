// Who was erased from a feed, told by a hash: what stands in the database, and how it is read.
import { Prisma, type PrismaClient } from "../generated/prisma/client.js";
import type { ErasedPeople } from "../generated/proto/trainer/v1/trainer.js";
import { ApiError } from "../http/errors.js";
import { FINAL_STATES } from "../plugins/jobs.js";
import type { Transaction } from "../plugins/prisma.js";

/** A feed, and the number since which a dataset may know people still who were erased from it. */
export interface Source {
	feed: string;
	since: number;
}

/** When something began to be sent. */
export interface Sending {
	/** A number among those of the feeds' rows: whoever is erased from then on has a higher one. */
	since: bigint;
	/** By the clock of this process, in milliseconds. */
	begun: number;
}

/** Shorter than erasures are kept, by an hour in which what has come is stored. */
const LONGEST_SENDING_MS = 23 * 3_600_000;

/** Before the first byte is read: whoever is erased from now on is not brought back by what is sent. */
export async function beginSending(prisma: PrismaClient): Promise<Sending> {
	const begun = performance.now();
	const [now] = await prisma.$queryRaw<{ seq: bigint }[]>`
		SELECT nextval(pg_get_serial_sequence('feed_interactions', 'seq')) AS seq`;
	return { since: (now as { seq: bigint }).seq, begun };
}

/** Before what was sent is stored: who was erased meanwhile may be forgotten. Throws sent_too_long. */
export function refuseSentTooLong({ begun }: Sending): void {
	if (performance.now() - begun < LONGEST_SENDING_MS) return;
	throw new ApiError(
		"sent_too_long",
		"It was under way for more than 23 hours: who was erased meanwhile is not known.",
	);
}

/** In the transaction that erases a person; who is erased again is of the last time. */
export async function recordErasure(tx: Transaction, feed: number, user: string): Promise<void> {
	await tx.$executeRaw`
		INSERT INTO feed_erasures (feed_id, digest, seq)
		SELECT id, sha256(salt || convert_to(${user}, 'UTF8')), nextval(pg_get_serial_sequence('feed_interactions', 'seq'))
		FROM feeds WHERE id = ${feed}
		ON CONFLICT (feed_id, digest) DO UPDATE SET seq = excluded.seq, at = now()`;
}

/** Who was erased since a dataset was taken, by its sources. */
export async function erasedSince(prisma: PrismaClient, sources: readonly Source[]): Promise<ErasedPeople[]> {
	const found: ErasedPeople[] = [];
	for (const { feed, since } of sources) {
		const rows = await prisma.$queryRaw<{ salt: Uint8Array; digest: Uint8Array }[]>`
			SELECT salt, digest FROM feeds JOIN feed_erasures ON feed_id = id
			WHERE name = ${feed} AND seq > ${BigInt(since)} ORDER BY digest`;
		const [first] = rows;
		if (first) found.push({ salt: Buffer.from(first.salt), digests: rows.map(({ digest }) => Buffer.from(digest)) });
	}
	return found;
}

/** Of these people of a feed those who were erased since, with the number of that, for whoever holds it. */
export async function erasedAmong(
	tx: Transaction,
	feed: number,
	since: bigint,
	users: ReadonlySet<string>,
): Promise<ReadonlyMap<string, bigint>> {
	const rows = await tx.$queryRaw<{ id: string; seq: bigint }[]>`
		SELECT given.id, e.seq FROM feeds f, unnest(${[...users]}::text[]) AS given (id), feed_erasures e
		WHERE f.id = ${feed} AND EXISTS (SELECT 1 FROM feed_erasures WHERE feed_id = ${feed} AND seq > ${since})
			AND e.feed_id = ${feed} AND e.seq > ${since} AND e.digest = sha256(f.salt || convert_to(given.id, 'UTF8'))`;
	return new Map(rows.map(({ id, seq }) => [id, seq]));
}

/**
 * Those whom nothing can bring back any more: each dataset was taken or sent after them, and so was each file that is on its way into
 * the feed. Of what is being sent there is no row yet: none of it takes a day.
 */
export function forgetErasures(prisma: PrismaClient): Promise<number> {
	const UP_TO = Prisma.sql`(d.feed ->> 'upTo')::bigint`;
	return prisma.$executeRaw`
		DELETE FROM feed_erasures e USING feeds f WHERE e.feed_id = f.id AND e.at < now() - interval '1 day' AND NOT EXISTS (
			SELECT 1 FROM datasets d WHERE CASE WHEN d.feed ->> 'name' = f.name THEN coalesce(${UP_TO}, 0) ELSE d.since END < e.seq
		) AND NOT EXISTS (
			SELECT 1 FROM feed_imports i JOIN jobs j ON j.id = i.id
			WHERE i.feed_id = f.id AND i.since < e.seq AND NOT j.state = ANY(${FINAL_STATES}::"JobState"[])
		)`;
}
