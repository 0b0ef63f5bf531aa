import { Readable } from "node:stream";
import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { wrong } from "../datasets/import-rule.js";
import { beginSending, type Sending } from "../feeds/erasures.js";
import { At, BEFORE_1970, EventId, isSince1970, momentOf, NewInteraction } from "../feeds/interaction.js";
import { entriesOf } from "../feeds/lines.js";
import { MOST_TOLD, receive } from "../feeds/receiving.js";
import { dropItems, dropUsers } from "../feeds/storing.js";
import { Prisma } from "../generated/prisma/client.js";
import { cursorOfNumbers, numbersOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { FeedName, Id, needs, page, pageQuery, problems } from "../http/schemas.js";
import { validatorCompiler } from "../http/validation.js";
import { noFeed } from "../plugins/feeds.js";
import { FeedInteraction, ReceivedView } from "../views/feed.js";

declare module "fastify" {
	interface FastifyRequest {
		sending: Sending;
	}
}

const MOST_ROWS = 10_000;
const MOST_REMOVED = 1_000;
const STREAM = "application/x-ndjson";
const Params = Type.Object({ name: FeedName }, { additionalProperties: false });
const Removal = Type.Object(
	{ id: Type.Optional(EventId), user: Type.Optional(Id), item: Type.Optional(Id), at: Type.Optional(At) },
	{
		title: "RemovedInteraction",
		...needs([["id"], ["user", "item"]]),
		additionalProperties: false,
		description: "By `id`; or by `user` and `item`, of all times or of `at`.",
	},
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	async function feedOf(name: string): Promise<number> {
		const feed = await prisma.feed.findUnique({ where: { name }, select: { id: true } });
		if (!feed) throw noFeed();
		return feed.id;
	}

	// In a context of its own: no other route takes streams.
	app.register(async (streams) => {
		streams.addHook("onRequest", async (request) => refuseEncoded(request.headers["content-encoding"]));
		streams.decorateRequest("sending");
		streams.addHook("onRequest", async (request) => {
			request.sending = await beginSending(prisma);
		});
		streams.addContentTypeParser(STREAM, (_request, payload, done) => done(null, payload));
		streams.withTypeProvider<never>().post<{
			Params: { name: string };
			Querystring: { results: boolean };
			Body: unknown;
		}>(
			"/feeds/:name/interactions",
			{
				config: { access: ["data"], audit: "counted" },
				schema: {
					operationId: "addInteractions",
					summary:
						"Send interactions, an array or a stream of JSON lines of any length; what was sent before counts once",
					description:
						"The same `id`, or the same user, item and time, counts once however often it is sent. Rows that cannot be stored are named " +
						"by their position, and the others are stored. What is answered is committed. With `results=true` the answer says of every row " +
						"what has become of it.",
					tags: ["feeds"],
					consumes: ["application/json", STREAM],
					params: Params,
					querystring: Type.Object(
						{
							results: Type.Boolean({
								default: false,
								description: `Say of every row what has become of it, in ranges of positions: of a stream of up to ${MOST_TOLD} lines.`,
							}),
						},
						{ additionalProperties: false },
					),
					body: Type.Array(NewInteraction, { maxItems: MOST_ROWS, description: "A stream takes any number." }),
					response: { 200: ReceivedView, ...problems },
				},
				// Each row is looked at by itself.
				validatorCompiler: (part) => (part.httpPart === "body" ? () => true : validatorCompiler(part)),
			},
			async (request) => {
				const { name } = request.params;
				const { body, sending } = request;
				const { results } = request.query;
				if (body instanceof Readable) {
					await feedOf(name);
					return receive(app, name, entriesOf(whole(body)), sending, results);
				}
				if (!Array.isArray(body)) throw wrong("/", "wrong_type", "must be an array of interactions");
				if (body.length > MOST_ROWS)
					throw wrong("/", "out_of_range", `must not have more than ${MOST_ROWS} rows; send ${STREAM}`);
				await feedOf(name);
				const rows = body.map((value, index) => ({ position: index + 1, value }));
				return receive(app, name, [rows], sending, results);
			},
		);
	});

	app.post(
		"/feeds/:name/interactions/remove",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "removeInteractions",
				summary: "Take interactions back; users of whom none is left are no longer known",
				tags: ["feeds"],
				params: Params,
				body: Type.Object(
					{ interactions: Type.Array(Removal, { minItems: 1, maxItems: MOST_REMOVED }) },
					{ title: "RemovedInteractions", additionalProperties: false },
				),
				response: { 200: Type.Object({ removed: Type.Integer() }, { title: "Removed" }), ...problems },
			},
		},
		async (request) => {
			const { interactions } = request.body;
			for (const [index, { id, user, item, at }] of interactions.entries()) {
				const byId = id !== undefined && user === undefined && item === undefined && at === undefined;
				const byPair = id === undefined && user !== undefined && item !== undefined;
				if (!byId && !byPair) throw wrong(`/interactions/${index}`, "not_allowed", "must give id, or user and item");
				if (at !== undefined && !isSince1970(momentOf(at)))
					throw wrong(`/interactions/${index}/at`, "out_of_range", BEFORE_1970);
			}
			const ids = interactions.flatMap(({ id }) => id ?? []);
			const pairs = interactions.filter(({ id }) => id === undefined);
			const { feed, removed, left } = await app.feeds.hold(request.params.name, async (tx, feed) => {
				const gone = await tx.$queryRaw<{ user: bigint; item: bigint }[]>`
					WITH asked AS (
						SELECT u.key AS user_key, i.key AS item_key, asked.at
						FROM unnest(${pairs.map(({ user }) => user)}::text[], ${pairs.map(({ item }) => item)}::text[],
							${pairs.map(({ at }) => (at === undefined ? null : momentOf(at).toISOString()))}::timestamptz[]) AS asked (user_id, item_id, at)
						JOIN feed_users u ON u.feed_id = ${feed} AND u.id = user_id
						JOIN feed_items i ON i.feed_id = ${feed} AND i.id = item_id
					), by_pair AS (
						DELETE FROM feed_interactions r USING asked WHERE r.user_key = asked.user_key AND r.item_key = asked.item_key
							AND (asked.at IS NULL OR r.at = asked.at) RETURNING r.user_key, r.at, r.item_key
					), by_id AS (
						DELETE FROM feed_interactions WHERE feed_id = ${feed} AND event_id IS NOT NULL AND event_id = ANY(${ids}::text[])
						RETURNING user_key, at, item_key
					)
					SELECT user_key AS user, item_key AS item FROM (SELECT * FROM by_pair UNION SELECT * FROM by_id) AS gone`;
				const users = [...new Set(gone.map(({ user }) => user))];
				const named = await tx.feedUser.findMany({ where: { feedId: feed, key: { in: users } }, select: { id: true } });
				const nobody = await dropUsers(tx, feed, users);
				const needless = await dropItems(tx, feed, [...new Set(gone.map(({ item }) => item))]);
				await tx.$executeRaw`
					UPDATE feeds SET interactions = interactions - ${gone.length}, users = users - ${nobody}, items = items - ${needless}
					WHERE id = ${feed}`;
				const left = named.map(({ id }) => id);
				await app.live.announceRemoval(tx, feed, left);
				return { feed, removed: gone.length, left };
			});
			await app.live.refresh(feed, left);
			return { removed };
		},
	);

	app.get(
		"/feeds/:name/interactions",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "listInteractions",
				summary: "Interactions of a feed, of one user or with one item, newest first",
				tags: ["feeds"],
				params: Params,
				querystring: pageQuery({
					user: Type.Optional(Type.String({ format: "id", description: "Of this user." })),
					item: Type.Optional(Type.String({ format: "id", description: "With this item." })),
				}),
				response: { 200: page(FeedInteraction), ...problems },
			},
		},
		async (request) => {
			const { user, item, limit, cursor } = request.query;
			const after = cursor === undefined ? null : numbersOf(cursor, 3);
			const { name } = request.params;
			// A history is waited for: one question for all numbers, one for the rows.
			const [keys] = await prisma.$queryRaw<{ feed: number; userKey: bigint | null; itemKey: bigint | null }[]>`
				SELECT id AS feed, (SELECT key FROM feed_users u WHERE u.feed_id = feeds.id AND u.id = ${user ?? null}) AS "userKey",
					(SELECT key FROM feed_items i WHERE i.feed_id = feeds.id AND i.id = ${item ?? null}) AS "itemKey"
				FROM feeds WHERE name = ${name}`;
			if (!keys) throw noFeed();
			const { feed } = keys;
			if ((user !== undefined && keys.userKey === null) || (item !== undefined && keys.itemKey === null))
				return { items: [], nextCursor: null };
			const [userKey, itemKey] = [keys.userKey ?? undefined, keys.itemKey ?? undefined];
			// What names the rows is looked up for each of them: a join might read all items of the feed for fifty.
			const rows = await prisma.$queryRaw<Row[]>`
				WITH page AS (
					SELECT * FROM feed_interactions WHERE ${chosen(feed, userKey, itemKey, after)}
					ORDER BY ${ORDER[userKey !== undefined ? "user" : itemKey !== undefined ? "item" : "feed"]} LIMIT ${limit + 1}
				)
				SELECT (SELECT id FROM feed_users WHERE feed_id = ${feed} AND key = user_key) AS user, i.id AS item, i.title, at, value,
					event_id AS id, recommendation_id AS "recommendationId", user_key AS "userKey", item_key AS "itemKey"
				FROM page, LATERAL (SELECT id, title FROM feed_items WHERE feed_id = ${feed} AND key = item_key LIMIT 1) AS i
				ORDER BY at DESC, user_key DESC, item_key DESC`;
			const last = rows[limit - 1];
			return {
				items: rows
					.slice(0, limit)
					.map(({ userKey: _user, itemKey: _item, at, ...row }) => ({ ...row, at: at.toISOString() })),
				nextCursor: rows.length > limit && last ? cursorOfNumbers(last.at.getTime(), last.userKey, last.itemKey) : null,
			};
		},
	);
};
export default routes;

function refuseEncoded(encoding: string | undefined): void {
	if (encoding === undefined || encoding.toLowerCase() === "identity") return;
	const problem = { pointer: "/headers/content-encoding", code: "not_allowed", message: "must be identity" };
	throw new ApiError("unsupported_media_type", "Content-Encoding must be identity: send the rows as they are.", [
		problem,
	]);
}

/** Says what broke off, where it would be told as a fault of ours. */
async function* whole(bytes: Readable): AsyncGenerator<Buffer> {
	try {
		yield* bytes;
	} catch {
		throw new ApiError("invalid_request", "The body broke off.");
	}
}

interface Row {
	user: string;
	item: string;
	title: string | null;
	at: Date;
	value: number | null;
	id: string | null;
	recommendationId: string | null;
	userKey: bigint;
	itemKey: bigint;
}

/** Each follows an index to its end. */
const ORDER = {
	feed: Prisma.sql`at DESC, user_key DESC, item_key DESC`,
	user: Prisma.sql`at DESC, item_key DESC`,
	item: Prisma.sql`at DESC, user_key DESC`,
};

function chosen(feed: number, user: bigint | undefined, item: bigint | undefined, after: bigint[] | null): Prisma.Sql {
	const [at, lastUser, lastItem] = after ?? [];
	const before = Prisma.sql`to_timestamp(${Number(at)}::float8 / 1000)::timestamptz(3)`;
	if (user !== undefined) {
		const place = after ? Prisma.sql`AND (at, item_key) < (${before}, ${lastItem}::bigint)` : Prisma.empty;
		const withItem = item === undefined ? Prisma.empty : Prisma.sql`AND item_key = ${item}`;
		return Prisma.sql`user_key = ${user} ${withItem} ${place}`;
	}
	if (item !== undefined) {
		const place = after ? Prisma.sql`AND (at, user_key) < (${before}, ${lastUser}::bigint)` : Prisma.empty;
		return Prisma.sql`item_key = ${item} ${place}`;
	}
	const place = after
		? Prisma.sql`AND (at, user_key, item_key) < (${before}, ${lastUser}::bigint, ${lastItem}::bigint)`
		: Prisma.empty;
	return Prisma.sql`feed_id = ${feed} ${place}`;
}
