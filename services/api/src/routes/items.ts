import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../http/errors.js";
import { countedPage, Id, pageQuery, problems, Text } from "../http/schemas.js";
import { place, vocabularyOf } from "../serving/place.js";
import { itemsBy } from "../serving/search.js";
import type { Vocabulary } from "../serving/vocabulary.js";
import { Answered, Item, MOST_RECOMMENDED, N, querySource, ScoredItem, scored } from "../views/recommendation.js";

const Described = Type.Object(
	{
		...Item.properties,
		tags: Type.Array(Type.String()),
		popularity: Type.Integer({ description: "Training interactions." }),
	},
	{ title: "CatalogueItem" },
);
const Similar = Type.Object(
	{
		item: Type.String(),
		items: Type.Array(ScoredItem),
		checkpoint: Answered,
	},
	{ title: "SimilarItems" },
);
const Params = Type.Object({ id: Id }, { additionalProperties: false });

const described = (vocabulary: Vocabulary, column: number) => ({
	...vocabulary.titled(column),
	tags: vocabulary.tagsOf(column),
	popularity: vocabulary.items.popularity[column] as number,
});

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/items",
		{
			config: { access: ["serve", "train"] },
			schema: {
				operationId: "listItems",
				summary: "Items by the beginning of the id or words of the title, the most popular first",
				tags: ["recommendations"],
				querystring: pageQuery({
					q: Type.Optional(Text(500, "The beginning of an id, or words of a title.")),
					tag: Type.Optional(Text(100, "Only items with this tag.")),
					...querySource,
				}),
				response: { 200: countedPage(Described), ...problems },
			},
		},
		async (request) => {
			const { q = "", tag, limit, cursor, ...asked } = request.query;
			const vocabulary = await vocabularyOf(app, await place(app, asked));
			const { positions, total, next } = await itemsBy(vocabulary, q.trim(), tag, { limit, cursor });
			return { items: positions.map((column) => described(vocabulary, column)), total, nextCursor: next };
		},
	);

	app.get(
		"/items/:id",
		{
			config: { access: ["serve", "train"] },
			schema: {
				operationId: "getItem",
				summary: "One item of the dataset, with its tags",
				tags: ["recommendations"],
				params: Params,
				querystring: Type.Object(querySource, { additionalProperties: false }),
				response: { 200: Described, ...problems },
			},
		},
		async (request) => {
			const vocabulary = await vocabularyOf(app, await place(app, request.query));
			const column = vocabulary.items.ids.indexOf(request.params.id);
			if (column >= 0) return described(vocabulary, column);
			throw new ApiError("unknown_item", "The dataset of this checkpoint has no such item.", [
				{ pointer: "/params/id", code: "unknown_item", message: "is not known here" },
			]);
		},
	);

	app.get(
		"/items/:id/similar",
		{
			config: { access: ["serve", "train"] },
			schema: {
				operationId: "similarItems",
				summary: "Items most like an item",
				tags: ["recommendations"],
				params: Params,
				querystring: Type.Object({ n: N(MOST_RECOMMENDED, 20), ...querySource }, { additionalProperties: false }),
				response: { 200: Similar, ...problems },
			},
		},
		async (request) => {
			const { n, ...asked } = request.query;
			const found = await place(app, asked);
			const hidden = new Set(found.deployed?.hidden);
			const more = Math.min(MOST_RECOMMENDED, n + hidden.size);
			const { items } = await app.recommender.similarItems({ checkpoint: found.ref, item: request.params.id, n: more });
			const shown = items.filter(({ id }) => !hidden.has(id)).slice(0, n);
			return { item: request.params.id, items: shown.map(scored), checkpoint: found.answered };
		},
	);
};
export default routes;
