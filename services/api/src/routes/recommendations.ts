import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../errors.js";
import type { HistoryItem, RecommendedItem } from "../generated/proto/recommender/v1/recommender.js";
import { Id, Nullable, problems, Uuid } from "../schemas.js";
import { DeploymentName } from "./deployments.js";

const N = (most: number, standard: number) => Type.Integer({ minimum: 1, maximum: most, default: standard });
const deployment = { ...DeploymentName, default: "default" } as typeof DeploymentName;
const source = { deployment, checkpoint: Type.Optional(Uuid) };
/** In a query an empty `checkpoint=` asks for the deployment's. */
const querySource = { deployment, checkpoint: Type.Optional(Type.Union([Uuid, Type.Literal("")])) };
const Ids = Type.Array(Id, { maxItems: 10_000 });
const UserParams = Type.Object({ id: Id }, { additionalProperties: false });
const Answered = Type.Object({ id: Uuid, runId: Uuid, model: Type.String(), epoch: Type.Integer() });
const Item = Type.Object({ id: Type.String(), title: Nullable(Type.String()) });
const Shares = Type.Array(Type.Number(), {
	description: "Share of each interest, sums to 1; empty without interests.",
});
const Ranked = Type.Object({
	...Item.properties,
	score: Type.Number(),
	interestShares: Shares,
	because: Type.Array(Type.Object({ id: Type.String() })),
});
const Recommendations = Type.Object({
	user: Nullable(Type.String()),
	items: Type.Array(Ranked),
	checkpoint: Answered,
	deployment: Nullable(Type.String()),
	interests: Type.Integer(),
	unknownItems: Type.Optional(Type.Array(Type.String())),
});
const Interests = Type.Object({
	user: Type.String(),
	checkpoint: Answered,
	interests: Type.Array(
		Type.Object({
			index: Type.Integer(),
			weight: Type.Number(),
			topItems: Type.Array(Type.Object({ ...Item.properties, score: Type.Number() })),
			formedBy: Type.Array(Item),
		}),
	),
	history: Type.Array(Type.Object({ ...Item.properties, interestShares: Shares })),
	historyTotal: Type.Integer(),
});
const Similar = Type.Object({
	item: Type.String(),
	items: Type.Array(Type.Object({ ...Item.properties, score: Type.Number() })),
	checkpoint: Answered,
});
type Source = { deployment: string; checkpoint?: string };

const titled = ({ id, title }: { id: string; title: string }) => ({ id, title: title === "" ? null : title });
const scored = (item: RecommendedItem) => ({ ...titled(item), score: item.score });
const ranked = (item: RecommendedItem): Static<typeof Ranked> => ({
	...scored(item),
	interestShares: item.interestShares,
	because: item.because.map((id) => ({ id })),
});
const remembered = (item: HistoryItem) => ({ ...titled(item), interestShares: item.interestShares });

const routes: FastifyPluginAsyncTypebox = async (app) => {
	/** The checkpoint asked for, or the one deployed under the name. */
	async function resolve({ deployment, checkpoint: id }: Source) {
		const row = id
			? await app.prisma.checkpoint.findUnique({ where: { id }, include: { run: true } })
			: (
					await app.prisma.deployment.findUnique({
						where: { name: deployment },
						include: { checkpoint: { include: { run: true } } },
					})
				)?.checkpoint;
		if (!row && id) throw new ApiError("not_found", "There is no checkpoint with this id.");
		if (!row) {
			throw new ApiError(
				"nothing_deployed",
				`Nothing is deployed as ${deployment}; PUT /deployments/${deployment} deploys a checkpoint.`,
			);
		}
		return {
			ref: { key: row.key, sha256: row.sha256 },
			answered: { id: row.id, runId: row.runId, model: row.run.model, epoch: row.epoch },
			deployment: id ? null : deployment,
		};
	}

	app.get(
		"/users/:id/recommendations",
		{
			schema: {
				summary: "Top-n items for a user of the dataset",
				tags: ["recommendations"],
				params: UserParams,
				querystring: Type.Object(
					{ n: N(1000, 20), excludeSeen: Type.Boolean({ default: true }), ...querySource },
					{ additionalProperties: false },
				),
				response: { 200: Recommendations, ...problems },
			},
		},
		async (request) => {
			const { n, excludeSeen, ...asked } = request.query;
			const { ref, answered, deployment } = await resolve(asked);
			const done = app.meters.recommendations.startTimer({ model: answered.model });
			const response = await app.recommender.recommend({
				checkpoint: ref,
				who: { $case: "user", value: request.params.id },
				n,
				excludeSeen,
				exclude: [],
				candidates: [],
				explain: true,
			});
			done();
			return {
				user: request.params.id,
				items: response.items.map(ranked),
				checkpoint: answered,
				deployment,
				interests: response.interests,
			};
		},
	);

	app.post(
		"/recommendations",
		{
			schema: {
				summary: "Top-n items for a person never seen, from the items they like (fold-in)",
				tags: ["recommendations"],
				body: Type.Object(
					{ items: { ...Ids, minItems: 1 } as typeof Ids, n: N(1000, 20), exclude: Type.Optional(Ids), ...source },
					{ additionalProperties: false },
				),
				response: { 200: Recommendations, ...problems },
			},
		},
		async (request) => {
			const { items, n, exclude = [], ...asked } = request.body;
			const { ref, answered, deployment } = await resolve(asked);
			const done = app.meters.recommendations.startTimer({ model: answered.model });
			const response = await app.recommender.recommend({
				checkpoint: ref,
				who: { $case: "history", value: { items } },
				n,
				excludeSeen: true,
				exclude,
				candidates: [],
				explain: true,
			});
			done();
			return {
				user: null,
				items: response.items.map(ranked),
				checkpoint: answered,
				deployment,
				interests: response.interests,
				unknownItems: response.unknownItems,
			};
		},
	);

	app.get(
		"/users/:id/interests",
		{
			schema: {
				summary: "A user's interests with their top items and the history that formed them",
				tags: ["recommendations"],
				params: UserParams,
				querystring: Type.Object({ n: N(100, 10), ...querySource }, { additionalProperties: false }),
				response: { 200: Interests, ...problems },
			},
		},
		async (request) => {
			const { n, ...asked } = request.query;
			const { ref, answered } = await resolve(asked);
			const response = await app.recommender.describeInterests({
				checkpoint: ref,
				who: { $case: "user", value: request.params.id },
				n,
				excludeSeen: true,
			});
			return {
				user: request.params.id,
				checkpoint: answered,
				interests: response.interests.map(({ index, weight, topItems, formedBy }) => ({
					index,
					weight,
					topItems: topItems.map(scored),
					formedBy: formedBy.map(titled),
				})),
				history: response.history.map(remembered),
				historyTotal: response.historyTotal,
			};
		},
	);

	app.get(
		"/items/:id/similar",
		{
			schema: {
				summary: "Items most like an item",
				tags: ["recommendations"],
				params: UserParams,
				querystring: Type.Object({ n: N(1000, 20), ...querySource }, { additionalProperties: false }),
				response: { 200: Similar, ...problems },
			},
		},
		async (request) => {
			const { n, ...asked } = request.query;
			const { ref, answered } = await resolve(asked);
			const response = await app.recommender.similarItems({ checkpoint: ref, item: request.params.id, n });
			return { item: request.params.id, items: response.items.map(scored), checkpoint: answered };
		},
	);
};
export default routes;
