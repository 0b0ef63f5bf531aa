import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import type { ItemAt } from "../generated/proto/recommender/v1/recommender.js";
import { RemoteError } from "../grpc.js";
import { countedPage, Id, Nullable, pageQuery, problems, Time } from "../http/schemas.js";
import { apart, beginningOf, feedItems, pageOf } from "../serving/history.js";
import { movedOf } from "../serving/known.js";
import { place, vocabularyOf } from "../serving/place.js";
import { Answered, Item, querySource, titled } from "../views/recommendation.js";

const Interaction = Type.Object(
	{
		...Item.properties,
		at: Nullable(Time),
		part: Type.Enum(["train", "valid", "test", "fold_in", "cold", "live"], {
			description:
				"fold_in: of a user held out by a strong split, what models are given; cold: of a user or an item that training does not know; live: of the deployment's feed alone, since the dataset.",
		}),
		live: Type.Boolean({ description: "Whether the deployment's feed has it: also what the dataset has as well." }),
		known: Type.Boolean({
			description: "Whether the model knows the item; it learns of others with the next snapshot.",
		}),
	},
	{ title: "Interaction" },
);
type Part = Static<typeof Interaction>["part"];
const History = Type.Object(
	{ user: Type.String(), checkpoint: Answered, ...countedPage(Interaction).properties },
	{ title: "UserHistory" },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/users/:id/history",
		{
			config: { access: ["serve", "train"] },
			schema: {
				operationId: "getHistory",
				summary:
					"What the served dataset holds of a user and what the deployment's feed has got since, newest first, with the part that each is in",
				tags: ["recommendations"],
				params: Type.Object({ id: Id }, { additionalProperties: false }),
				querystring: pageQuery(querySource),
				response: { 200: History, ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, ...asked } = request.query;
			const user = request.params.id;
			const begin = beginningOf(cursor);
			const found = await place(app, asked);
			const vocabulary = await vocabularyOf(app, found);
			const erased = app.erasures.of(found.sources, user);
			const rows = (await movedOf(app, found.deployed, vocabulary, user, erased))?.rows ?? [];
			const read = (start: number, n: number, among: ItemAt[]) =>
				app.recommender
					.readHistory({ checkpoint: found.ref, user, start, n, erased: erased !== null, among })
					.catch((error) => {
						const isOfFeed = rows.length > 0 && error instanceof RemoteError && error.code === "unknown_user";
						if (!isOfFeed) throw error;
						return { interactions: [], total: 0, held: [] };
					});
			const [{ interactions, total }, live] = await Promise.all([
				read(begin.start, limit, []),
				apart(rows, async (some) => (await read(0, 1, some)).held),
			]);
			const { shown, next } = pageOf(begin, limit, { own: interactions, total }, live.rows);
			const named = await feedItems(
				app,
				vocabulary,
				found.deployed,
				shown.map((one) => ("live" in one ? one.live.item : one.own.id)),
			);
			const time = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString());
			return {
				user,
				checkpoint: found.answered,
				items: shown.map((one) => {
					if ("live" in one)
						return { ...named(one.live.item), at: time(one.live.at), part: "live" as const, live: true };
					const { atMs, part, ...item } = one.own;
					const { title, known } = named(item.id);
					const own = titled(item);
					const isLive = live.isLive(one.own);
					return { ...own, title: own.title ?? title, at: time(atMs), part: part as Part, live: isLive, known };
				}),
				total: total + live.rows.length,
				nextCursor: next,
			};
		},
	);
};
export default routes;
