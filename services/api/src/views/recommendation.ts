// How recommendations are asked for and answered: the parts that several routes share.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { DeploymentName, Fallback, Id, Nullable, Text, Uuid, UuidOf } from "../http/schemas.js";

export const MOST_RECOMMENDED = 1_000;
const MOST_IDS = 10_000;
const MOST_TAGS = 100;
const MOST_INTERESTS = 100;

export const N = (most: number, standard: number) =>
	Type.Integer({ minimum: 1, maximum: most, default: standard, description: "How many items." });
export const Ids = (description: string) => Type.Array(Id, { maxItems: MOST_IDS, description });
export const Tags = (description: string) => Type.Array(Text(100), { maxItems: MOST_TAGS, description });
export const ExcludeSeen = Type.Boolean({ default: true, description: "Leave out what the person knows already." });
const Exclude = Ids("Items to leave out.");
export const MOST_FRESH = 20;
export const Fresh = Type.Optional(
	Type.Integer({
		minimum: 0,
		maximum: MOST_FRESH,
		description: "Up to so many new items of the deployment's feed, which no model knows, mixed in.",
	}),
);
const Interest = Type.Integer({ minimum: 0, maximum: MOST_INTERESTS - 1 });
export const Weights = Type.Array(
	Type.Object(
		{
			interest: Interest,
			weight: Type.Number({ minimum: 0, maximum: 4, description: "0 mutes, 1 changes nothing." }),
		},
		{ title: "InterestWeight", additionalProperties: false },
	),
	{ maxItems: MOST_INTERESTS, description: "What multiplies the interest's part of each score." },
);
export const tagged = {
	anyTag: Type.Optional(Tags("Items with one of these tags.")),
	allTags: Type.Optional(Tags("Items with all of these tags.")),
	noTag: Type.Optional(Tags("Items with none of these tags.")),
};
export const Filter = Type.Object(
	{ ...tagged },
	{
		title: "TagFilter",
		additionalProperties: false,
		description: "By the tags of items; upper and lower case are the same.",
	},
);

export const Recorded = Type.Boolean({
	default: true,
	description: "false: shown to nobody it is for, as in a test or a preview; it counts in no outcome.",
});

const deployment = { ...DeploymentName, default: "default" } as typeof DeploymentName;
/** Which checkpoint answers: the deployment's, or one by its id. */
const ASKED = "Asks this one instead of what is deployed.";
export const source = { deployment, checkpoint: Type.Optional(UuidOf(ASKED)) };
/** In a query an empty `checkpoint=` asks for the deployment's. */
export const querySource = {
	deployment,
	checkpoint: Type.Optional(Type.Union([Uuid, Type.Literal("")], { description: ASKED })),
};

/** What any list may be asked for, in a body. */
export const plain = {
	n: N(MOST_RECOMMENDED, 20),
	exclude: Type.Optional(Exclude),
	filter: Type.Optional(Filter),
	fallback: Type.Optional(Fallback),
	fresh: Fresh,
	record: Recorded,
};
/** What only the model itself can answer. */
export const steered = {
	steer: Type.Optional(Weights),
	only: Type.Optional({ ...Interest, description: "By this interest alone." } as typeof Interest),
	without: Type.Optional(Ids("As if these were not in the history.")),
	with: Type.Optional(Ids("As if these were in the history, too.")),
	candidates: Type.Optional(
		Type.Array(Id, { minItems: 1, maxItems: MOST_IDS, description: "Ranks these and no others." }),
	),
	calibrate: Type.Optional(
		Type.Number({ minimum: 0, maximum: 1, description: "How far the list's interests follow the person's." }),
	),
	shelves: Type.Optional(Type.Boolean({ description: "Also one list an interest." })),
	preview: Type.Optional(Type.Boolean({ description: "Also what steering brings in and takes out." })),
};

export const Answered = Type.Object(
	{ id: Uuid, runId: Uuid, model: Type.String(), epoch: Type.Integer() },
	{ title: "AnsweringCheckpoint" },
);
export const Item = Type.Object({ id: Type.String(), title: Nullable(Type.String()) }, { title: "Item" });
export const ScoredItem = Type.Object({ ...Item.properties, score: Type.Number() }, { title: "ScoredItem" });
export const titled = ({ id, title }: { id: string; title: string }) => ({ id, title: title === "" ? null : title });
export const scored = (item: { id: string; title: string; score: number }) => ({ ...titled(item), score: item.score });
export const Shares = Type.Array(Type.Number(), {
	description: "Share of each interest, sums to 1 but for rounding; empty without interests.",
});
/** What has a part in an item's score. */
export const rankedShares = {
	interestShares: {
		...Shares,
		description: "Share of each interest; with linearShare they sum to 1 but for rounding. Empty without interests.",
	} as typeof Shares,
	linearShare: Type.Optional(
		Type.Number({
			description:
				"Share of the model's linear path: the item goes with what the person has. Absent where the model has none, or did not answer.",
		}),
	),
};
const Ranked = Type.Object(
	{
		...Item.properties,
		score: Type.Number(),
		...rankedShares,
		because: Type.Array(Item, { description: "What of the history it is for." }),
		fresh: Type.Optional(Type.Literal(true, { description: "A new item that no model knows: its score is 0." })),
		tags: Type.Optional(
			Type.Array(Type.String(), { description: "Of a fresh item: those of the person's interests that it has." }),
		),
	},
	{ title: "RecommendedItem" },
);
const Moved = Type.Object(
	{
		...Item.properties,
		interest: Type.Integer({ description: "The interest that did it." }),
	},
	{ title: "MovedItem" },
);
export const Label = Type.String({ description: "A short name: its most telling tags, else its first items." });
export const AnsweredBy = Type.Enum(["list", "live", "popular"], {
	type: "string",
	title: "Tier",
	description: "list: looked up; live: computed for this request; popular: the same for everybody.",
});
const Steering = Type.Object(
	{
		weights: Type.Array(Type.Number(), { description: "Of each interest, as applied." }),
		kept: Type.Boolean({ description: "Whether it is the person's own that is kept, not this request's." }),
		dropped: Type.Array(Type.Object({ weight: Type.Number(), items: Type.Array(Item) }, { title: "DroppedWeight" }), {
			description: "Kept for interests that this checkpoint has no more.",
		}),
	},
	{ title: "AppliedSteering" },
);
const list = {
	items: Type.Array(Ranked),
	answeredBy: AnsweredBy,
	recommendationId: Nullable(
		Type.String({
			description: "Sent along with what the person does with it, it is an outcome. null: not recorded.",
		}),
	),
	unknownItems: Type.Optional(Type.Array(Type.String())),
	unknownTags: Type.Optional(Type.Array(Type.String())),
	steering: Type.Optional(Steering),
	fresh: Type.Optional(
		Type.Object(
			{
				mixed: Type.Integer({ description: "How many there are in the list." }),
				none: Type.Optional(
					Type.Enum(["no_feed", "no_tags", "no_items", "no_room"], {
						type: "string",
						title: "NoFreshItems",
						description:
							"Why there are none: the deployment names no feed; nothing that the person is interested in has tags; no new item has one of these tags and may be answered; of one item asked for the first is the strongest recommendation.",
					}),
				),
			},
			{ title: "FreshItems", description: "Where fresh items were asked for." },
		),
	),
};
const from = { checkpoint: Answered, deployment: Nullable(Type.String()), interests: Type.Integer() };
export const Recommendations = Type.Object(
	{
		user: Nullable(Type.String()),
		...list,
		shelves: Type.Optional(
			Type.Array(
				Type.Object({ interest: Type.Integer(), label: Label, items: Type.Array(Ranked) }, { title: "Shelf" }),
			),
		),
		preview: Type.Optional(
			Type.Object({ entered: Type.Array(Moved), left: Type.Array(Moved) }, { title: "SteeringPreview" }),
		),
		...from,
	},
	{ title: "Recommendations" },
);
export const Batch = Type.Object(
	{
		users: Type.Array(
			Type.Union([
				Type.Object({ user: Type.String(), ...list }, { title: "UserRecommendations" }),
				Type.Object(
					{ user: Type.String(), error: Type.Object({ code: Type.String(), message: Type.String() }) },
					{ title: "UserFailure" },
				),
			]),
			{ description: "In the order asked." },
		),
		...from,
	},
	{ title: "RecommendationsBatch" },
);
export type Answered = Static<typeof Answered>;
export type Weights = Static<typeof Weights>;
export type Filter = Static<typeof Filter>;
