import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../http/errors.js";
import { countedPage, Id, Nullable, pageQuery, problems, Text, Time } from "../http/schemas.js";
import { historyOf } from "../plugins/live.js";
import { labelOf } from "../serving/label.js";
import { place, vocabularyOf } from "../serving/place.js";
import { knownRow } from "../serving/recommend.js";
import { cursorOf, placeOf, someUsers, usersByPrefix } from "../serving/search.js";
import { Answered, Item, Label, N, querySource, ScoredItem, Shares, scored, titled } from "../views/recommendation.js";

const MOST_TOP_ITEMS = 100;
const MOST_LIVE = 1_000;
const User = Type.Object(
	{
		id: Type.String(),
		interactions: Type.Integer({ description: "Of the training part; of a held-out user what is folded in." }),
	},
	{ title: "KnownUser" },
);
const Interest = Type.Object(
	{
		index: Type.Integer(),
		label: Label,
		weight: Type.Number(),
		topItems: Type.Array(ScoredItem),
		formedBy: Type.Array(Item),
	},
	{ title: "Interest" },
);
const HistoryItem = Type.Object(
	{ ...Item.properties, interestShares: Shares, live: Type.Boolean({ description: "Whether it is of the feed." }) },
	{ title: "HistoryItem" },
);
const LiveRow = Type.Object(
	{
		...Item.properties,
		at: Time,
		known: Type.Boolean({
			description: "Whether the model knows the item; it learns of others with the next snapshot.",
		}),
	},
	{ title: "LiveRow" },
);
const OneUser = Type.Object(
	{
		id: Type.String(),
		checkpoint: Answered,
		interactions: Type.Integer({ description: "Of the training part." }),
		inDataset: Type.Boolean({ description: "False for who is known by the feed alone." }),
		live: Type.Array(LiveRow, { description: "Rows of the feed since the dataset, newest first, at most 1,000." }),
		liveTotal: Type.Integer({ description: "At most 10,000." }),
	},
	{ title: "User" },
);
const Interests = Type.Object(
	{
		user: Type.String(),
		checkpoint: Answered,
		interests: Type.Array(Interest),
		history: Type.Array(HistoryItem),
		historyTotal: Type.Integer(),
	},
	{ title: "UserInterests" },
);

const Interaction = Type.Object(
	{
		...Item.properties,
		at: Nullable(Time),
		part: Type.Enum(["train", "valid", "test", "fold_in"], {
			description: "fold_in: of a user held out by a strong split, what models are given.",
		}),
	},
	{ title: "Interaction" },
);
const History = Type.Object(
	{ user: Type.String(), checkpoint: Answered, ...countedPage(Interaction).properties },
	{ title: "UserHistory" },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/users",
		{
			schema: {
				operationId: "listUsers",
				summary: "Users by the beginning of the id, or some by chance",
				tags: ["recommendations"],
				querystring: pageQuery({
					q: Type.Optional(Text(512, "The beginning of an id.")),
					random: Type.Boolean({ default: false, description: "Some by chance, other ones each time." }),
					...querySource,
				}),
				response: { 200: countedPage(User), ...problems },
			},
		},
		async (request) => {
			const { q = "", random, limit, cursor, ...asked } = request.query;
			const vocabulary = await vocabularyOf(app, await place(app, asked));
			const { users, interactions } = vocabulary;
			if (random && cursor !== undefined) {
				const message = "has no place beside random: each answer is another one";
				throw new ApiError("invalid_request", `/query/cursor ${message}.`, [
					{ pointer: "/query/cursor", code: "not_allowed", message },
				]);
			}
			const found = random ? someUsers(vocabulary, q, limit) : usersByPrefix(vocabulary, q, { limit, cursor });
			return {
				items: found.positions.map((row) => ({ id: users.id(row), interactions: interactions[row] as number })),
				total: found.total,
				nextCursor: found.next,
			};
		},
	);

	app.get(
		"/users/:id/history",
		{
			schema: {
				operationId: "getHistory",
				summary: "What the served dataset holds of a user, newest first, with the part that each is in",
				tags: ["recommendations"],
				params: Type.Object({ id: Id }, { additionalProperties: false }),
				querystring: pageQuery(querySource),
				response: { 200: History, ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, ...asked } = request.query;
			const found = await place(app, asked);
			const start = cursor === undefined ? 0 : placeOf(cursor);
			const user = request.params.id;
			const { interactions, total } = await app.recommender.readHistory({
				checkpoint: found.ref,
				user,
				start,
				n: limit,
			});
			const end = start + interactions.length;
			return {
				user,
				checkpoint: found.answered,
				items: interactions.map(({ atMs, part, ...item }) => ({
					...titled(item),
					at: atMs === undefined ? null : new Date(atMs).toISOString(),
					part: part as Static<typeof Interaction>["part"],
				})),
				total,
				nextCursor: end < total ? cursorOf(end) : null,
			};
		},
	);

	app.get(
		"/users/:id",
		{
			schema: {
				operationId: "getUser",
				summary: "What is known of a user: from the dataset, and from the deployment's feed since",
				tags: ["recommendations"],
				params: Type.Object({ id: Id }, { additionalProperties: false }),
				querystring: Type.Object({ ...querySource }, { additionalProperties: false }),
				response: { 200: OneUser, ...problems },
			},
		},
		async (request) => {
			const { id } = request.params;
			const found = await place(app, request.query);
			const vocabulary = await vocabularyOf(app, found);
			const moved = found.deployed && (await app.live.of(found.deployed, id));
			const row = moved ? vocabulary.users.indexOf(id) : knownRow(vocabulary, id);
			const titles = new Map(found.deployed?.newItems.map((item) => [item.id, item.title]));
			const rows = moved?.rows ?? [];
			return {
				id,
				checkpoint: found.answered,
				interactions: vocabulary.interactions[row] ?? 0,
				inDataset: row >= 0,
				live: rows
					.slice(-MOST_LIVE)
					.reverse()
					.map(({ item, at }) => {
						const column = vocabulary.items.ids.indexOf(item);
						const shown = column < 0 ? { id: item, title: titles.get(item) ?? null } : vocabulary.titled(column);
						return { ...shown, at: new Date(at).toISOString(), known: column >= 0 };
					}),
				liveTotal: rows.length,
			};
		},
	);

	app.get(
		"/users/:id/interests",
		{
			schema: {
				operationId: "getInterests",
				summary: "A user's interests with their top items and the history that formed them",
				tags: ["recommendations"],
				params: Type.Object({ id: Id }, { additionalProperties: false }),
				querystring: Type.Object({ n: N(MOST_TOP_ITEMS, 10), ...querySource }, { additionalProperties: false }),
				response: { 200: Interests, ...problems },
			},
		},
		async (request) => {
			const { n, ...asked } = request.query;
			const found = await place(app, asked);
			const vocabulary = await vocabularyOf(app, found);
			const { deployed } = found;
			const hidden = new Set(deployed?.hidden);
			const moved = deployed && (await app.live.of(deployed, request.params.id));
			const isLive = new Set(moved?.items);
			const response = await app.recommender.describeInterests({
				checkpoint: found.ref,
				who: { $case: "user", value: request.params.id },
				n: Math.min(MOST_TOP_ITEMS, n + hidden.size),
				excludeSeen: true,
				...historyOf(deployed, moved),
			});
			const shown = <T extends { id: string }>(items: T[]) => items.filter(({ id }) => !hidden.has(id)).slice(0, n);
			return {
				user: request.params.id,
				checkpoint: found.answered,
				interests: response.interests.map(({ index, weight, topItems, formedBy }) => ({
					index,
					label: labelOf(vocabulary, [...shown(topItems), ...formedBy]),
					weight,
					topItems: shown(topItems).map(scored),
					formedBy: formedBy.map(titled),
				})),
				history: response.history.map((item) => ({
					...titled(item),
					interestShares: item.interestShares,
					live: isLive.has(item.id),
				})),
				historyTotal: response.historyTotal,
			};
		},
	);
};
export default routes;
