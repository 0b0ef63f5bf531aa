import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { forgetAsked } from "../artifacts/export-store.js";
import { forgetUser } from "../comparisons/result.js";
import { Prisma } from "../generated/prisma/client.js";
import { cursorOfNumbers, numbersOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { FeedName, Id, page, pageQuery, problems } from "../http/schemas.js";
import { noFeed } from "../plugins/feeds.js";
import { Erased, FeedUser } from "../views/feed.js";

const Params = Type.Object({ name: FeedName }, { additionalProperties: false });
const UserParams = Type.Object({ name: FeedName, id: Id }, { additionalProperties: false });

interface Row {
	key: bigint;
	id: string;
	interactions: number;
	newest: Date | null;
}

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	/** Users of a feed with what there is of them; throws not_found. */
	async function users(name: string, which: Prisma.Sql): Promise<Row[]> {
		const feed = await prisma.feed.findUnique({ where: { name }, select: { id: true } });
		if (!feed) throw noFeed();
		return prisma.$queryRaw<Row[]>`
			SELECT key, id, of_user.* FROM (SELECT key, id FROM feed_users WHERE feed_id = ${feed.id} ${which}) AS known,
				LATERAL (SELECT count(*)::int AS interactions, max(at) AS newest FROM feed_interactions WHERE user_key = key) AS of_user
			ORDER BY key DESC`;
	}
	const view = ({ id, interactions, newest }: Row) => ({ id, interactions, newest: newest?.toISOString() ?? null });

	app.get(
		"/feeds/:name/users",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "listFeedUsers",
				summary: "Users of a feed, those who came last first",
				tags: ["feeds"],
				params: Params,
				querystring: pageQuery({
					user: Type.Optional(Type.String({ format: "id", description: "This one alone." })),
				}),
				response: { 200: page(FeedUser), ...problems },
			},
		},
		async (request) => {
			const { user, limit, cursor } = request.query;
			const alone = user === undefined ? Prisma.empty : Prisma.sql`AND id = ${user}`;
			const before = cursor === undefined ? Prisma.empty : Prisma.sql`AND key < ${numbersOf(cursor, 1)[0]}`;
			const rows = await users(
				request.params.name,
				Prisma.sql`${alone} ${before} ORDER BY key DESC LIMIT ${limit + 1}`,
			);
			const last = rows[limit - 1];
			return {
				items: rows.slice(0, limit).map(view),
				nextCursor: rows.length > limit && last ? cursorOfNumbers(last.key) : null,
			};
		},
	);

	app.get(
		"/feeds/:name/users/:id",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "getFeedUser",
				summary: "One user of a feed",
				tags: ["feeds"],
				params: UserParams,
				response: { 200: FeedUser, ...problems },
			},
		},
		async (request) => {
			const [row] = await users(request.params.name, Prisma.sql`AND id = ${request.params.id}`);
			if (!row) throw new ApiError("not_found", "The feed knows no such user.");
			return view(row);
		},
	);

	app.delete(
		"/feeds/:name/users/:id",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "eraseUser",
				summary:
					"Erase a person from a feed, and say which datasets may still hold them; again answers the same with no interactions",
				tags: ["feeds"],
				params: UserParams,
				response: { 200: Erased, ...problems },
			},
		},
		async (request) => {
			const { name, id } = request.params;
			const erasing = app.feeds.hold(name, async (tx, feed) => {
				const [user] = await tx.$queryRaw<{ key: bigint }[]>`
					DELETE FROM feed_users WHERE feed_id = ${feed} AND id = ${id} RETURNING key`;
				// Also of who never was in the feed: what is served may know them from elsewhere.
				await app.erasures.record(tx, feed, id);
				await forgetUser(tx, name, id);
				await forgetAsked(tx);
				// What they asked their recommendations to be like names them and what they have.
				const ofFeed = { checkpoint: { run: { dataset: { feed: { path: ["name"], equals: name } } } } };
				const where = { user: id, deployment: { OR: [{ feedId: feed }, ofFeed] } };
				const kept = await tx.steering.findMany({ where, select: { deploymentName: true } });
				await tx.steering.deleteMany({ where });
				const steered = kept.map(({ deploymentName }) => deploymentName);
				for (const deployment of steered) await app.steering.announce(tx, deployment, id);
				const erasures = await app.outcomes.erase(tx, feed, id);
				const done = { feed, steered, erasures };
				if (!user) return { ...done, interactions: 0 };
				const gone = await tx.$executeRaw`DELETE FROM feed_interactions WHERE user_key = ${user.key}`;
				await tx.$executeRaw`UPDATE feeds SET interactions = interactions - ${gone}, users = users - 1 WHERE id = ${feed}`;
				await app.live.announceRemoval(tx, feed, [id]);
				return { ...done, interactions: gone };
			});
			// Of a feed that is gone there may still be snapshots.
			const erased = await erasing.catch((error) => {
				if (error instanceof ApiError && error.code === "not_found") return null;
				throw error;
			});
			if (erased) {
				const { feed, steered, erasures, interactions } = erased;
				app.outcomes.erased(feed, id, erasures);
				await app.erasures.refresh();
				await app.live.refresh(feed, [id]);
				for (const deployment of steered) await app.steering.refresh(deployment, id);
				request.log.info({ feed: name, interactions }, "a person was erased");
			}
			const snapshots = await prisma.dataset.findMany({
				where: { feed: { path: ["name"], equals: name } },
				select: { id: true, name: true },
				orderBy: [{ createdAt: "desc" }, { id: "desc" }],
			});
			if (!erased && snapshots.length === 0) throw noFeed();
			return { interactions: erased?.interactions ?? 0, snapshots };
		},
	);
};
export default routes;
