import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { heldBackOf, requireUser, testedPlace } from "../experiments/tested-user.js";
import { ApiError } from "../http/errors.js";
import { Id, Nullable, problems, Uuid } from "../http/schemas.js";
import { labelOf } from "../serving/label.js";
import { vocabularyOf } from "../serving/place.js";
import type { Vocabulary } from "../serving/vocabulary.js";
import { Answered, Item, Label, N, rankedShares, Shares, scored, titled } from "../views/recommendation.js";

const MOST_TOP_ITEMS = 100;
const Tagged = { ...Item.properties, tags: Type.Array(Type.String()) };
const Part = Type.Enum(["valid", "test"], {
	type: "string",
	title: "HeldBackPart",
	description: "The part that holds what the model has not learnt from; the test asks for its own.",
});
const TopItem = Type.Object(
	{
		...Tagged,
		score: Type.Number({
			description: "The interest's own part of the score, which orders them; a linear path counts in the shares alone.",
		}),
		...rankedShares,
		heldBack: Nullable(Part),
	},
	{ title: "TestedTopItem", description: "`heldBack` null: the dataset does not hold it of this user." },
);
const Interest = Type.Object(
	{
		index: Type.Integer(),
		label: Label,
		weight: Type.Number({ description: "Of the history; all sum to 1." }),
		topItems: Type.Array(TopItem),
	},
	{ title: "TestedInterest" },
);
const Grouped = Type.Object(
	{
		...Tagged,
		interestShares: Shares,
		interest: Type.Integer({ description: "The one with the largest share." }),
	},
	{ title: "GroupedItem" },
);
const HeldBackItem = Type.Object({ ...Tagged, part: Part }, { title: "HeldBackItem" });
const Answer = Type.Object(
	{
		user: Type.String(),
		checkpoint: Answered,
		maskTest: Type.String({
			description: "What the run's protocol leaves out of the top items: train or train+valid.",
		}),
		interests: Type.Array(Interest),
		history: Type.Array(Grouped, {
			description: "What the model is given: the training part, at most 1,000, newest last where times are known.",
		}),
		historyTotal: Type.Integer(),
		heldBack: Type.Array(HeldBackItem),
	},
	{ title: "TestedInterests" },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/runs/:id/users/:user/interests",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "getRunUserInterests",
				summary:
					"A user's training history grouped by interest, and the top items of each, as the run's test saw them: nothing need be deployed",
				tags: ["runs"],
				params: Type.Object({ id: Uuid, user: Id }, { additionalProperties: false }),
				querystring: Type.Object({ n: N(MOST_TOP_ITEMS, 10) }, { additionalProperties: false }),
				response: { 200: Answer, ...problems },
			},
		},
		async (request) => {
			const { id, user } = request.params;
			const { place, maskTest } = await testedPlace(app, id);
			const vocabulary = await vocabularyOf(app, place);
			requireUser(app, place, vocabulary.users.indexOf(user) >= 0, user);
			const [described, heldBack] = await Promise.all([
				app.recommender.describeInterests({
					checkpoint: place.ref,
					who: { $case: "user", value: user },
					n: request.query.n,
					...{ excludeSeen: false, maskTest, whole: false, live: [], liveAtMs: [], erased: false },
				}),
				heldBackOf(app, place.ref, user),
			]);
			const { model } = place.answered;
			if (described.interests.length === 0) {
				const able = (await app.catalogue.able("interests")).join(", ") || "none";
				throw new ApiError("steering_unsupported", `${model} has no interests; these models have: ${able}.`);
			}
			const tagged = <T extends { id: string }>(item: T) => ({ ...item, tags: tagsOf(vocabulary, item.id) });
			return {
				user,
				checkpoint: place.answered,
				maskTest,
				interests: described.interests.map(({ index, weight, topItems, formedBy }) => ({
					index,
					label: labelOf(vocabulary, [...topItems, ...formedBy]),
					weight,
					topItems: topItems.map((item) => ({
						...tagged(scored(item)),
						interestShares: item.interestShares,
						...(item.linearShare !== undefined && { linearShare: item.linearShare }),
						heldBack: heldBack.get(item.id)?.part ?? null,
					})),
				})),
				history: described.history.map(({ interestShares, ...item }) => ({
					...tagged(titled(item)),
					interestShares,
					interest: interestShares.indexOf(Math.max(...interestShares)),
				})),
				historyTotal: described.historyTotal,
				heldBack: [...heldBack.values()].map(({ part, ...item }) => ({ ...tagged(titled(item)), part })),
			};
		},
	);
};
export default routes;

function tagsOf(vocabulary: Vocabulary, id: string): string[] {
	const column = vocabulary.items.ids.indexOf(id);
	return column < 0 ? [] : vocabulary.tagsOf(column);
}
