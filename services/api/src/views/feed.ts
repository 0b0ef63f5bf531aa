import { type Static, Type } from "@fastify/type-provider-typebox";
import type { Feed } from "../generated/prisma/client.js";
import { MaybeNumber, Named, Nullable, Text, Time } from "../http/schemas.js";

export const FeedView = Type.Object(
	{
		name: Type.String(),
		interactions: Type.Integer(),
		users: Type.Integer(),
		items: Type.Integer(),
		newest: Nullable(Type.String({ description: "ISO 8601, UTC. The time of the newest interaction." })),
		bytes: Type.Integer({ description: "Its share of what all feeds take in the database, indexes included." }),
		createdAt: Time,
	},
	{ title: "Feed" },
);
export const FeedDay = Type.Object({ day: Type.String(), interactions: Type.Integer() }, { title: "FeedDay" });

export const FeedInteraction = Type.Object(
	{
		user: Type.String(),
		item: Type.String(),
		title: Nullable(Type.String()),
		at: Time,
		value: MaybeNumber,
		id: Nullable(Type.String()),
		recommendationId: Nullable(Type.String({ description: "The answer it was sent with." })),
	},
	{ title: "FeedInteraction" },
);
const RowProblem = Type.Object(
	{
		position: Type.Integer({ description: "Of the row, from 1: the element of the array, the line of the stream." }),
		field: Type.String({ description: "Empty where it is about the whole row." }),
		code: Type.String(),
		message: Type.String(),
	},
	{ title: "RowProblem" },
);
const Ranges = Type.Array(Type.Array(Type.Integer(), { minItems: 2, maxItems: 2 }), {
	description: "From the first position to the last, both counted, in order.",
});
const RowResults = Type.Object(
	{ added: Ranges, known: Ranges, refused: Ranges, erased: Ranges },
	{
		title: "RowResults",
		description:
			"The positions of the rows that each of the numbers counts: every row is in one range of one of them, a blank line of a stream in none.",
		examples: [
			{
				added: [
					[1, 3],
					[5, 5],
				],
				known: [],
				refused: [[4, 4]],
				erased: [],
			},
		],
	},
);
export type RowResults = Static<typeof RowResults>;
export const ReceivedView = Type.Object(
	{
		added: Type.Integer(),
		known: Type.Integer({ description: "That were there before, or earlier among these." }),
		refused: Type.Integer(),
		erased: Type.Integer({ description: "Of people who were erased after the request began; they are left out." }),
		problems: Type.Array(RowProblem, { description: "Of the first 100 rows that were refused." }),
		results: Type.Optional(RowResults),
	},
	{ title: "ReceivedInteractions" },
);

const MOST_TITLE = 300;
const MOST_TAG = 100;
const MOST_TAGS = 100;
export const FeedItem = Type.Object(
	{ id: Type.String(), title: Nullable(Type.String()), tags: Type.Array(Type.String()), available: Type.Boolean() },
	{ title: "FeedItem" },
);
export const NewItem = {
	title: Type.Optional(
		Type.Unsafe<string | null>({ type: ["string", "null"], format: "text", minLength: 1, maxLength: MOST_TITLE }),
	),
	tags: Type.Optional(Type.Array(Text(MOST_TAG), { maxItems: MOST_TAGS })),
	available: Type.Optional(Type.Boolean({ description: "True for an item that is new." })),
};
export const FeedUser = Type.Object(
	{ id: Type.String(), interactions: Type.Integer(), newest: Nullable(Time) },
	{ title: "FeedUser" },
);
export const Erased = Type.Object(
	{
		interactions: Type.Integer({ description: "How many of the person are gone." }),
		snapshots: Type.Array(Named, {
			description:
				"Datasets taken of the feed: each that was taken while the person was in it holds them until it is deleted.",
		}),
	},
	{ title: "Erased" },
);

export type FeedRow = Feed & { newest: Date | null; bytes: number };
export const feedView = (row: FeedRow): Static<typeof FeedView> => ({
	name: row.name,
	interactions: Number(row.interactions),
	users: Number(row.users),
	items: Number(row.items),
	newest: row.newest?.toISOString() ?? null,
	bytes: row.bytes,
	createdAt: row.createdAt.toISOString(),
});
