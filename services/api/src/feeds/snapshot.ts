// A feed as it is at one moment → the files of a dataset, in an order that follows from what they hold: the same rows are
// the same bytes, whatever order they came in.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { type StoredFile, storeAndQueue, uploadKeys } from "../datasets/dataset-store.js";
import { completeRule, ImportRule, wrong } from "../datasets/import-rule.js";
import { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { Text } from "../http/schemas.js";
import { allow, noFeed } from "../plugins/feeds.js";
import type { Answer, Remember } from "../plugins/idempotency.js";
import { AT_ONE_MOMENT, type Transaction } from "../plugins/prisma.js";
import { datasetInclude, datasetView, type OfFeed } from "../views/dataset.js";

export const NewSnapshot = Type.Object(
	{ rule: Type.Optional(ImportRule), name: Type.Optional(Text(200)) },
	{ title: "NewSnapshot", additionalProperties: false },
);

/** Hundreds of millions of rows are read in it. */
const LONGEST_MS = 3_600_000;
const AT_ONCE = 10_000;

/** Throws not_found; conflict while the feed holds nothing; invalid_request where the rule does not fit. */
export async function takeSnapshot(
	app: FastifyInstance,
	name: string,
	{ rule = {}, name: called }: Static<typeof NewSnapshot>,
	remember: Remember,
): Promise<Answer> {
	if (rule.columns) throw wrong("/rule/columns", "not_allowed", "are known of a snapshot");
	completeRule(rule, ["interactions"]); // before anything is read
	const files: StoredFile[] = [];
	const feed = await stage(app, name, files).catch(async (error) => {
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
		called ?? `${name} ${feed.at.slice(0, 16).replace("T", " ")}`,
		whole,
		files,
		async (tx, id, isQueued) => {
			const row = await tx.dataset.update({ where: { id }, data: { feed: { ...feed } }, include: datasetInclude });
			answer = { status: isQueued ? 202 : 200, location: `/datasets/${id}`, body: datasetView(row) };
			await remember(tx, answer);
		},
	);
	return answer as unknown as Answer;
}

/** The rows committed by now, as files; `files` grows by what is staged, also when this throws. */
function stage(app: FastifyInstance, name: string, files: StoredFile[]): Promise<OfFeed> {
	return app.prisma.$transaction(
		async (tx) => {
			await allow(tx, LONGEST_MS);
			await tx.$executeRaw`SET LOCAL work_mem = '64MB'`; // to sort them
			// Of the beginning of the transaction: whatever was committed by then is seen by all that follows.
			const [feed] = await tx.$queryRaw<{ id: number; interactions: bigint; at: Date; upTo: bigint }[]>`
				SELECT id, interactions, now() AS at,
					(SELECT coalesce(max(seq), 0) FROM feed_interactions WHERE feed_id = feeds.id) AS "upTo" FROM feeds WHERE name = ${name}`;
			if (!feed) throw noFeed();
			if (feed.interactions === 0n) throw new ApiError("conflict", "The feed holds no interaction yet.");
			const upload = async (role: string, lines: AsyncIterable<Buffer>) => {
				const { uploadKey, sha256, bytes } = await app.trainer.uploadFile(lines);
				files.push({ role, uploadKey, sha256, bytes, displayName: `${name}-${role}.jsonl` });
			};
			await upload("interactions", interactionsOf(tx, feed.id));
			const described = await tx.$queryRaw<unknown[]>`
				SELECT 1 FROM feed_items WHERE feed_id = ${feed.id} AND ${DESCRIBED} LIMIT 1`;
			if (described.length > 0) await upload("items", itemsOf(tx, feed.id));
			return { name, at: feed.at.toISOString(), rows: Number(feed.interactions), upTo: Number(feed.upTo) };
		},
		{ ...AT_ONE_MOMENT, timeout: LONGEST_MS },
	);
}

const DESCRIBED = Prisma.sql`(title IS NOT NULL OR cardinality(tags) > 0)`;

const interactionsOf = (tx: Transaction, feed: number) =>
	linesOf<{ user: string; item: string; rating: number | null; timestamp: number }>(
		tx,
		Prisma.sql`
			SELECT u.id AS user, i.id AS item, value AS rating, extract(epoch FROM at)::float8 * 1000 AS timestamp
			FROM feed_users u JOIN feed_interactions ON user_key = u.key JOIN feed_items i ON i.feed_id = u.feed_id AND i.key = item_key
			WHERE u.feed_id = ${feed} ORDER BY u.id COLLATE "C", at, i.id COLLATE "C"`,
		({ user, item, rating, timestamp }) => ({ user, item, rating, timestamp: Math.round(timestamp) }),
	);

const itemsOf = (tx: Transaction, feed: number) =>
	linesOf<{ item: string; title: string | null; tags: string[] }>(
		tx,
		Prisma.sql`
			SELECT id AS item, title, tags FROM feed_items WHERE feed_id = ${feed} AND ${DESCRIBED} ORDER BY id COLLATE "C"`,
		({ item, title, tags }) => ({ item, title, tags }),
	);

/** Rows as JSON lines, no faster than they are taken, and never more than some of them in memory. */
async function* linesOf<T>(tx: Transaction, query: Prisma.Sql, line: (row: T) => object): AsyncGenerator<Buffer> {
	await tx.$executeRaw`DECLARE lines NO SCROLL CURSOR FOR ${query}`;
	for (let rows: T[] = []; ; ) {
		rows = await tx.$queryRawUnsafe<T[]>(`FETCH ${AT_ONCE} FROM lines`);
		if (rows.length === 0) break;
		yield Buffer.from(rows.map((row) => `${JSON.stringify(line(row))}\n`).join(""));
	}
	await tx.$executeRaw`CLOSE lines`;
}
