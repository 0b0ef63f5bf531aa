import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { listed } from "../artifacts/deletion.js";
import { uploadKeys } from "../datasets/dataset-store.js";
import { MOST_AT_ONCE, NewSnapshot, takeSnapshot, tooMany } from "../feeds/snapshot.js";
import { Prisma } from "../generated/prisma/client.js";
import { cursorOfNumbers, MOST_INTEGER, numbersOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { FeedName, IdempotencyHeaders, listOf, page, pageQuery, problems } from "../http/schemas.js";
import { noFeed } from "../plugins/feeds.js";
import { FINAL_STATES } from "../plugins/jobs.js";
import { type Transaction, violatesForeignKey } from "../plugins/prisma.js";
import { DatasetView } from "../views/dataset.js";
import { FeedDay, type FeedRow, FeedView, feedView } from "../views/feed.js";

const Params = Type.Object({ name: FeedName }, { additionalProperties: false });
/** To delete a feed of tens of millions of rows. */
const LONGEST_DELETE_MS = 600_000;

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	let snapshots = 0;

	/** Feeds with what is not counted as it is written: one look into an index each. */
	const feeds = (which: Prisma.Sql) => prisma.$queryRaw<FeedRow[]>`
		SELECT id, name, interactions, users, items, created_at AS "createdAt",
			(SELECT max(at) FROM feed_interactions WHERE feed_id = feeds.id) AS newest,
			floor(${BYTES} * interactions / greatest((SELECT sum(interactions) FROM feeds), 1))::float8 AS bytes
		FROM feeds ${which}`;
	async function view(name: string) {
		const [row] = await feeds(Prisma.sql`WHERE name = ${name}`);
		if (!row) throw noFeed();
		return feedView(row);
	}

	app.put(
		"/feeds/:name",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "putFeed",
				summary: "Make a feed; the one there is stays as it is",
				tags: ["feeds"],
				params: Params,
				response: { 200: FeedView, ...problems },
			},
		},
		async (request) => {
			const { name } = request.params;
			await prisma.feed.createMany({ data: [{ name }], skipDuplicates: true });
			return view(name);
		},
	);

	app.get(
		"/feeds",
		{
			config: { access: ["data", "train"] },
			schema: {
				operationId: "listFeeds",
				summary: "Feeds, newest first",
				tags: ["feeds"],
				querystring: pageQuery({}),
				response: { 200: page(FeedView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor } = request.query;
			const before =
				cursor === undefined ? Prisma.empty : Prisma.sql`WHERE id < ${numbersOf(cursor, 1, MOST_INTEGER)[0]}`;
			const rows = await feeds(Prisma.sql`${before} ORDER BY id DESC LIMIT ${limit + 1}`);
			const last = rows[limit - 1];
			return {
				items: rows.slice(0, limit).map(feedView),
				nextCursor: rows.length > limit && last ? cursorOfNumbers(last.id) : null,
			};
		},
	);

	app.get(
		"/feeds/:name",
		{
			config: { access: ["data", "train"] },
			schema: {
				operationId: "getFeed",
				summary: "One feed: how much it holds, and how new that is",
				tags: ["feeds"],
				params: Params,
				response: { 200: FeedView, ...problems },
			},
		},
		async (request) => view(request.params.name),
	);

	app.delete(
		"/feeds/:name",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "deleteFeed",
				summary: "Delete a feed with everything in it; datasets that are snapshots of it stay",
				tags: ["feeds"],
				params: Params,
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			const removed = app.feeds.hold(
				request.params.name,
				async (tx, feed) => {
					await refuseServed(tx, feed);
					await app.removals.note(tx, await forgetImports(tx, feed));
					await tx.$executeRaw`DELETE FROM feed_interactions WHERE feed_id = ${feed}`;
					await app.outcomes.forgetFeed(tx, feed);
					await tx.feed.delete({ where: { id: feed } });
				},
				LONGEST_DELETE_MS,
			);
			await removed.catch((error) => {
				if (!violatesForeignKey(error)) throw error;
				throw new ApiError("conflict", "The feed has just been deployed, or files are sent to it.");
			});
			return reply.code(204).send(null);
		},
	);

	app.get(
		"/feeds/:name/days",
		{
			config: { access: ["data", "train"] },
			schema: {
				operationId: "listFeedDays",
				summary: "Interactions a day (UTC), of the last days that have any, oldest first",
				tags: ["feeds"],
				params: Params,
				querystring: Type.Object(
					{
						days: Type.Integer({
							minimum: 1,
							maximum: 366,
							default: 30,
							description: "Up to the newest one, today at the latest.",
						}),
					},
					{ additionalProperties: false },
				),
				response: { 200: listOf(FeedDay), ...problems },
			},
		},
		async (request) => {
			const { name } = request.params;
			const feed = await prisma.feed.findUnique({ where: { name }, select: { id: true } });
			if (!feed) throw noFeed();
			const items = await prisma.$queryRaw<{ day: string; interactions: number }[]>`
				WITH last AS (SELECT (max(at) AT TIME ZONE 'UTC')::date AS day FROM feed_interactions
					WHERE feed_id = ${feed.id} AND at < ${TOMORROW})
				SELECT (at AT TIME ZONE 'UTC')::date::text AS day, count(*)::int AS interactions FROM feed_interactions, last
				WHERE feed_id = ${feed.id} AND at >= (last.day - ${request.query.days}::int + 1)::timestamp AT TIME ZONE 'UTC' AND at < ${TOMORROW}
				GROUP BY 1 ORDER BY 1`;
			return { items };
		},
	);

	app.post(
		"/feeds/:name/snapshots",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "createSnapshot",
				summary:
					"Take the feed as it is now as a dataset and queue its import; 200 with the one there is of the same rows and rule",
				tags: ["feeds"],
				params: Params,
				headers: IdempotencyHeaders,
				body: NewSnapshot,
				response: { 200: DatasetView, 202: DatasetView, ...problems },
			},
		},
		async (request, reply) =>
			app.once(request, reply, async (remember) => {
				if (snapshots >= MOST_AT_ONCE) throw tooMany();
				const gone = new AbortController();
				reply.raw.on("close", () => gone.abort());
				snapshots++;
				try {
					return await takeSnapshot(
						app,
						request.params.name,
						request.body,
						async (tx, answer) => {
							// One that a refresh has made is now somebody's, too, and is not pruned.
							const { id } = answer.body as { id: string };
							await tx.refresh.updateMany({ where: { datasetId: id }, data: { madeDataset: false } });
							await remember(tx, answer);
						},
						gone.signal,
					);
				} finally {
					snapshots--;
				}
			}) as never,
	);
};
export default routes;

const TOMORROW = Prisma.sql`((now() AT TIME ZONE 'UTC')::date + 1)::timestamp AT TIME ZONE 'UTC'`;
const BYTES = Prisma.sql`(pg_total_relation_size('feed_interactions') + pg_total_relation_size('feed_users') + pg_total_relation_size('feed_items'))`;

/** With the job of each goes its row. The keys of staged files that are still there. */
async function forgetImports(tx: Transaction, feedId: number): Promise<string[]> {
	const open = { feedImport: { feedId }, state: { notIn: FINAL_STATES } };
	if ((await tx.job.count({ where: open })) > 0)
		throw new ApiError("conflict", "Files are being imported into the feed; cancel that first.");
	const kept = await tx.feedImport.findMany({ where: { feedId, filesKept: true }, select: { files: true } });
	await tx.job.deleteMany({ where: { feedImport: { feedId } } });
	return kept.flatMap(({ files }) => uploadKeys(files));
}

async function refuseServed(tx: Transaction, feedId: number): Promise<void> {
	const rules = await tx.refreshRule.findMany({ where: { feedId }, orderBy: { deploymentName: "asc" } });
	if (rules.length > 0) {
		const names = listed(rules.map(({ deploymentName }) => deploymentName));
		throw new ApiError("conflict", `The feed renews ${names}; delete the rule of refresh there first.`);
	}
	const serving = await tx.deployment.findMany({ where: { feedId }, select: { name: true }, orderBy: { name: "asc" } });
	if (serving.length === 0) return;
	const names = listed(serving.map(({ name }) => name));
	throw new ApiError(
		"conflict",
		`The feed is served as ${names}; deploy there with feed null, or delete the deployment, first.`,
	);
}
