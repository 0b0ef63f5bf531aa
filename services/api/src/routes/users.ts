import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { ApiError } from "../http/errors.js";
import { countedPage, Id, pageQuery, problems, Text, Time } from "../http/schemas.js";
import { isId } from "../http/validation.js";
import type { Deployed } from "../plugins/deployments.js";
import { historyOf } from "../plugins/live.js";
import { feedItems } from "../serving/history.js";
import { LATE, movedOf, rowOf, unknownUser } from "../serving/known.js";
import { labelOf } from "../serving/label.js";
import { place, vocabularyOf } from "../serving/place.js";
import { LONGEST_CURSOR, someUsers, usersByPrefix } from "../serving/search.js";
import type { Vocabulary } from "../serving/vocabulary.js";
import { Answered, Item, Label, N, querySource, ScoredItem, Shares, scored, titled } from "../views/recommendation.js";

const MOST_TOP_ITEMS = 100;
const MOST_LIVE = 1_000;
const User = Type.Object(
	{
		id: Type.String(),
		interactions: Type.Integer({
			description: "Of the training part; of a held-out user what is folded in; 0 for who came too late for training.",
		}),
		inDataset: Type.Boolean({ description: "False for who is known by the deployment's feed alone." }),
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
		interactions: Type.Integer({ description: "Of the training part; 0 for who came too late for it." }),
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

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/users",
		{
			config: { access: ["serve", "train"] },
			schema: {
				operationId: "listUsers",
				summary:
					"Users by the beginning of the id, those that only the deployment's feed knows among them; or some by chance",
				tags: ["recommendations"],
				querystring: pageQuery({
					q: Type.Optional(Text(512, "The beginning of an id.")),
					random: Type.Boolean({
						default: false,
						description: "Some whom training knows by chance, other ones each time.",
					}),
					cursor: Type.Optional(
						Type.String({
							minLength: 1,
							maxLength: LONGEST_CURSOR,
							description: "`nextCursor` of the page before.",
						}),
					),
					...querySource,
				}),
				response: { 200: countedPage(User), ...problems },
			},
		},
		async (request) => {
			const { q = "", random, limit, cursor, ...asked } = request.query;
			const found = await place(app, asked);
			const vocabulary = await vocabularyOf(app, found);
			const { users, late } = vocabulary;
			const erased = await app.erasures.rowsOf(found.sources, users);
			const held = (id: string) => rowOf(vocabulary, id, app.erasures.of(found.sources, id));
			const shown = (ids: string[]) => ids.map((id) => ({ id, ...asHeld(vocabulary, held(id)) }));
			if (random) {
				if (cursor === undefined) {
					const { ids, total } = someUsers(vocabulary, erased, q, limit);
					return { items: shown(ids), total, nextCursor: null };
				}
				const message = "has no place beside random: each answer is another one";
				throw new ApiError("invalid_request", `/query/cursor ${message}.`, [
					{ pointer: "/query/cursor", code: "not_allowed", message },
				]);
			}
			const others = found.deployed ? await knownByFeed(app, found.deployed, (id) => held(id) === null, q) : [];
			const tables = [
				{ users, erased },
				{ users: late, erased: await app.erasures.rowsOf(found.sources, late) },
			];
			const { ids, total, next } = usersByPrefix(tables, q, others, { limit, cursor });
			return { items: shown(ids), total, nextCursor: next };
		},
	);

	app.get(
		"/users/:id",
		{
			config: { access: ["serve", "train"] },
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
			const erased = app.erasures.of(found.sources, id);
			const moved = await movedOf(app, found.deployed, vocabulary, id, erased);
			const row = rowOf(vocabulary, id, erased);
			if (row === null && moved === null) throw unknownUser();
			const rows = moved?.rows ?? [];
			const newest = rows.slice(-MOST_LIVE).reverse();
			const named = await feedItems(
				app,
				vocabulary,
				found.deployed,
				newest.map(({ item }) => item),
			);
			return {
				id,
				checkpoint: found.answered,
				...asHeld(vocabulary, row),
				live: newest.map(({ item, at }) => ({ ...named(item), at: new Date(at).toISOString() })),
				liveTotal: rows.length,
			};
		},
	);

	app.get(
		"/users/:id/interests",
		{
			config: { access: ["serve", "train"] },
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
			const user = request.params.id;
			const hidden = new Set(deployed?.hidden);
			const erased = app.erasures.of(found.sources, user);
			const moved = await movedOf(app, deployed, vocabulary, user, erased);
			const isLive = new Set(moved?.items);
			const response = await app.recommender.describeInterests({
				checkpoint: found.ref,
				who: { $case: "user", value: user },
				n: Math.min(MOST_TOP_ITEMS, n + hidden.size),
				excludeSeen: true,
				...historyOf(deployed, moved, erased),
			});
			const shown = <T extends { id: string }>(items: T[]) => items.filter(({ id }) => !hidden.has(id)).slice(0, n);
			return {
				user,
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

/** What a list says of somebody in that row of the dataset. */
const asHeld = ({ interactions }: Vocabulary, row: number | null) => ({
	interactions: interactions[row ?? LATE] ?? 0,
	inDataset: row !== null,
});

/** People of a deployment's feed whose id begins so, and whom its dataset does not hold; whoever has just this id among them. */
async function knownByFeed(
	app: FastifyInstance,
	deployed: Deployed,
	isOther: (id: string) => boolean,
	q: string,
): Promise<string[]> {
	const found = new Set(app.live.people(deployed, q).filter(isOther));
	// Not all who have moved are in memory.
	if (isId(q) && isOther(q) && !found.has(q) && (await app.live.whole(deployed, q))) found.add(q);
	return [...found];
}
