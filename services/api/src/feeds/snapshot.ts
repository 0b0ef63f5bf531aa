// A feed as it is at one moment → the files of a dataset, in an order that follows from what they hold: the same rows are
// the same bytes, whatever order they came in.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type StoredFile, storeAndQueue, uploadKeys } from "../datasets/dataset-store.js";
import { completeRule, SnapshotRule } from "../datasets/import-rule.js";
import { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { Text } from "../http/schemas.js";
import { noFeed } from "../plugins/feeds.js";
import type { Answer, Remember } from "../plugins/idempotency.js";
import { AT_ONE_MOMENT, allow, LONGEST_MS, type Transaction } from "../plugins/prisma.js";
import { datasetInclude, datasetView, type OfFeed } from "../views/dataset.js";

export const NewSnapshot = Type.Object(
	{ rule: Type.Optional(SnapshotRule), name: Type.Optional(Text(200)) },
	{ title: "NewSnapshot", additionalProperties: false },
);

const AT_ONCE = 10_000;
/** While people are erased it is taken again, so often. */
const MOST_TIMES = 3;
const AGAIN_SECONDS = 60;
/** Of a process: each reads a whole feed, on a connection to the database of its own. */
export const MOST_AT_ONCE = 2;
/** Whoever takes a snapshot of a feed holds this lock with the feed's number. */
const SNAPSHOT_LOCK = 7_310_202;
const UNDER_WAY = `A snapshot of the feed is under way; ask again in ${AGAIN_SECONDS} seconds.`;
export const tooMany = () =>
	new ApiError(
		"busy",
		`${MOST_AT_ONCE} snapshots are under way; ask again in ${AGAIN_SECONDS} seconds.`,
		[],
		AGAIN_SECONDS,
	);

/** Rows were taken away from the feed while they were being read. */
class Outdated extends Error {}

/** Throws not_found; conflict while the feed holds nothing, or never holds still; invalid_request where the rule does not fit. */
export async function takeSnapshot(
	app: FastifyInstance,
	name: string,
	{ rule = {}, name: called }: Static<typeof NewSnapshot>,
	remember: Remember,
	signal: AbortSignal,
): Promise<Answer> {
	completeRule(rule, ["interactions"]); // before anything is read
	for (let time = 1; time <= MOST_TIMES; time++) {
		try {
			return await takeOnce(app, name, rule, called, remember, signal);
		} catch (error) {
			if (!(error instanceof Outdated)) throw error;
			app.log.info({ feed: name }, "rows were taken back during a snapshot, taking it again");
		}
	}
	throw new ApiError(
		"conflict",
		"Rows of the feed are being taken back; ask again when that is over.",
		[],
		AGAIN_SECONDS,
	);
}

/** Throws Outdated. */
async function takeOnce(
	app: FastifyInstance,
	name: string,
	rule: Static<typeof SnapshotRule>,
	called: string | undefined,
	remember: Remember,
	signal: AbortSignal,
): Promise<Answer> {
	const files: StoredFile[] = [];
	const {
		feed,
		id: feedId,
		removals,
	} = await stage(app, name, files, signal).catch(async (error) => {
		await app.removals.discard(uploadKeys(files));
		throw error;
	});
	const whole = completeRule(
		rule,
		files.map(({ role }) => role),
	);
	let answer: Answer | undefined;
	await storeAndQueue(
		app,
		called ?? `${name} ${feed.at.slice(0, 19).replace("T", " ")}`,
		whole,
		files,
		async (tx, id, isQueued) => {
			// Whoever is erased from now on is told of this dataset.
			const [now] = await tx.$queryRaw<
				{ removals: bigint }[]
			>`SELECT removals FROM feeds WHERE id = ${feedId} FOR SHARE`;
			if (now?.removals !== removals) throw new Outdated();
			// Of the same rows: one that began later knows more of them.
			await tx.$executeRaw`
				UPDATE datasets SET feed = ${{ ...feed }} WHERE id = ${id}::uuid AND (feed IS NULL OR feed ->> 'at' < ${feed.at})`;
			const row = await tx.dataset.findUniqueOrThrow({ where: { id }, include: datasetInclude });
			answer = { status: isQueued ? 202 : 200, location: `/datasets/${id}`, body: datasetView(row) };
			await remember(tx, answer);
		},
		name,
	);
	return answer as unknown as Answer;
}

/** The rows committed by now, as files; `files` grows by what is staged, also when this throws. */
function stage(
	app: FastifyInstance,
	name: string,
	files: StoredFile[],
	signal: AbortSignal,
): Promise<{ feed: OfFeed; id: number; removals: bigint }> {
	return app.patient.$transaction(
		async (tx) => {
			await allow(tx, LONGEST_MS);
			await tx.$executeRaw`SET LOCAL work_mem = '64MB'`; // to sort them
			// Of the beginning of the transaction: whatever was committed by then is seen by all that follows.
			const [feed] = await tx.$queryRaw<
				{ id: number; interactions: bigint; removals: bigint; at: Date; upTo: bigint; isFree: boolean }[]
			>`
				SELECT id, interactions, removals, now() AS at,
					(SELECT coalesce(max(seq), 0) FROM feed_interactions WHERE feed_id = feeds.id) AS "upTo",
					pg_try_advisory_xact_lock(${SNAPSHOT_LOCK}::int, id) AS "isFree" FROM feeds WHERE name = ${name}`;
			if (!feed) throw noFeed();
			if (!feed.isFree) throw new ApiError("conflict", UNDER_WAY, [], AGAIN_SECONDS);
			if (feed.interactions === 0n) throw new ApiError("conflict", "The feed holds no interaction yet.");
			const upload = async (role: string, lines: AsyncIterable<Buffer>) => {
				const { uploadKey, sha256, bytes } = await app.trainer.uploadFile(until(signal, lines));
				files.push({ role, uploadKey, sha256, bytes, displayName: `${name}-${role}.jsonl` });
				refuseGone(signal);
			};
			await upload("interactions", interactionsOf(tx, feed.id));
			const described = await tx.$queryRaw<unknown[]>`
				SELECT 1 FROM feed_items WHERE feed_id = ${feed.id} AND ${DESCRIBED} LIMIT 1`;
			if (described.length > 0) await upload("items", itemsOf(tx, feed.id));
			const { id, interactions, removals, at, upTo } = feed;
			return {
				feed: { name, at: at.toISOString(), rows: Number(interactions), upTo: Number(upTo) },
				id,
				removals,
			};
		},
		{ ...AT_ONE_MOMENT, timeout: LONGEST_MS },
	);
}

/** For whom it was is no longer there. */
function refuseGone(signal: AbortSignal): void {
	if (signal.aborted) throw new ApiError("invalid_request", "The client has gone.");
}
async function* until(signal: AbortSignal, lines: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
	for await (const some of lines) {
		refuseGone(signal);
		yield some;
	}
}

const DESCRIBED = Prisma.sql`(title IS NOT NULL OR cardinality(tags) > 0)`;

const interactionsOf = (tx: Transaction, feed: number) =>
	linesOf<{ user: string; item: string; rating: number | null; timestamp: Date }>(
		tx,
		Prisma.sql`
			SELECT u.id AS user, i.id AS item, value AS rating, at AS timestamp
			FROM feed_users u JOIN feed_interactions ON user_key = u.key JOIN feed_items i ON i.feed_id = u.feed_id AND i.key = item_key
			WHERE u.feed_id = ${feed} ORDER BY u.id COLLATE "C", at, i.id COLLATE "C"`,
		({ user, item, rating, timestamp }) => ({ user, item, rating, timestamp: timestamp.toISOString() }),
	);

const itemsOf = (tx: Transaction, feed: number) =>
	linesOf<{ item: string; title: string | null; tags: string[] }>(
		tx,
		Prisma.sql`
			SELECT id AS item, title, tags FROM feed_items WHERE feed_id = ${feed} AND ${DESCRIBED} ORDER BY id COLLATE "C"`,
		({ item, title, tags }) => ({ item, title, tags }),
	);

/** Rows as JSON lines, no faster than they are taken, and never more than some of them in memory. */
export async function* linesOf<T>(
	tx: Transaction,
	query: Prisma.Sql,
	line: (row: T) => object,
): AsyncGenerator<Buffer> {
	await tx.$executeRaw`DECLARE lines NO SCROLL CURSOR FOR ${query}`;
	for (let rows: T[] = []; ; ) {
		rows = await tx.$queryRawUnsafe<T[]>(`FETCH ${AT_ONCE} FROM lines`);
		if (rows.length === 0) break;
		yield Buffer.from(rows.map((row) => `${JSON.stringify(line(row))}\n`).join(""));
	}
	await tx.$executeRaw`CLOSE lines`;
}
