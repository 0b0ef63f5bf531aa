import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { wrong } from "../datasets/import-rule.js";
import { describe } from "../feeds/describing.js";
import { cursorOfNumbers, numbersOf } from "../http/cursor.js";
import { BareId, FeedName, page, pageQuery, problems } from "../http/schemas.js";
import { noFeed } from "../plugins/feeds.js";
import { FeedItem, NewItem } from "../views/feed.js";

const MOST_ITEMS = 10_000;
const Params = Type.Object({ name: FeedName }, { additionalProperties: false });

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	app.put(
		"/feeds/:name/items",
		{
			config: { access: ["data"], audit: "counted" },
			schema: {
				operationId: "putItems",
				summary: "Say what items are called, are about, and whether they can be had; what is not said stays as it is",
				tags: ["feeds"],
				params: Params,
				body: Type.Object(
					{
						items: Type.Array(
							Type.Object({ item: BareId, ...NewItem }, { title: "NewFeedItem", additionalProperties: false }),
							{ minItems: 1, maxItems: MOST_ITEMS },
						),
					},
					{ title: "NewFeedItems", additionalProperties: false },
				),
				response: {
					200: Type.Object(
						{ added: Type.Integer(), known: Type.Integer({ description: "That were there before." }) },
						{ title: "PutItems" },
					),
					...problems,
				},
			},
		},
		async (request) => {
			const { items } = request.body;
			const ids = items.map(({ item }) => item);
			const firstAt = new Map(ids.map((id, index) => [id, index] as const).reverse());
			const twice = ids.findIndex((id, index) => firstAt.get(id) !== index);
			if (twice !== -1) throw wrong(`/items/${twice}/item`, "not_allowed", "is named twice");
			const { name } = request.params;
			const added = await app.feeds.hold(name, (tx, feed) => describe(tx, name, feed, items));
			await app.deployments.refresh();
			return { added, known: items.length - added };
		},
	);

	app.get(
		"/feeds/:name/items",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "listFeedItems",
				summary: "Items of a feed, those that were named last first",
				tags: ["feeds"],
				params: Params,
				querystring: pageQuery({
					item: Type.Optional(Type.String({ format: "id", description: "This one alone." })),
					available: Type.Optional(Type.Boolean({ description: "Only those that can be had, or that cannot." })),
				}),
				response: { 200: page(FeedItem), ...problems },
			},
		},
		async (request) => {
			const { item, available, limit, cursor } = request.query;
			const [before] = cursor === undefined ? [] : numbersOf(cursor, 1);
			const feed = await prisma.feed.findUnique({ where: { name: request.params.name } });
			if (!feed) throw noFeed();
			const rows = await prisma.feedItem.findMany({
				where: {
					feedId: feed.id,
					...(before !== undefined && { key: { lt: before } }),
					...(item !== undefined && { id: item }),
					...(available !== undefined && { available }),
				},
				orderBy: { key: "desc" },
				take: limit + 1,
			});
			const last = rows[limit - 1];
			return {
				items: rows.slice(0, limit).map(({ id, title, tags, available }) => ({ id, title, tags, available })),
				nextCursor: rows.length > limit && last ? cursorOfNumbers(last.key) : null,
			};
		},
	);
};
export default routes;
