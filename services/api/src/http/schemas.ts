// Schemas that several routes share, and the shape of every error. What has a title is a component of the OpenAPI document under it.
import { type Static, type TSchema, Type } from "@fastify/type-provider-typebox";
import { MACHINE_CLASS, MACHINE_NAME } from "../config.js";

/**
 * Of an object: one of these lists of fields must be there, and none of those together. For the document; the handler says it in words
 * of its own.
 */
export const needs = (oneOf: string[][], notTogether: string[][] = []) => ({
	asked: {
		allOf: [
			{ anyOf: oneOf.map((required) => ({ required })) },
			...notTogether.map((required) => ({ not: { required } })),
		],
	},
});

export const Uuid = Type.String({ format: "uuid" });
/** Of something that the parameter is about. */
export const UuidOf = (description: string) => Type.String({ format: "uuid", description });
export const Id = Type.String({ format: "id", description: "The caller's own id: any Unicode, 1 to 512 bytes." });
/** Of what a dataset is to be made of. */
export const BareId = Type.String({
	format: "bare-id",
	description: "The caller's own id: any Unicode, 1 to 512 bytes, without blanks around it.",
});
export const Text = (maxLength: number, description?: string) =>
	Type.String({ format: "text", minLength: 1, maxLength, ...(description && { description }) });
export const Time = Type.String({ description: "ISO 8601, UTC." });
export const MaybeNumber = Type.Union([Type.Number(), Type.Null()]);
export const MetricValues = Type.Record(Type.String(), MaybeNumber, {
	title: "MetricValues",
	description:
		"By name: valid.recall@20, test.recall@20, ... of a run, recall@20, ... of an evaluation or a group; null where nobody has an item to be measured by.",
});
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const State = Type.Enum(["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"], {
	type: "string",
	title: "JobState",
	description: "Of a run, an import, an evaluation, a comparison or an export; the last three are final.",
});
const Failure = Type.Object(
	{ code: Type.String({ description: "One of /errors." }), message: Type.String() },
	{ title: "Failure", description: "Why a job has FAILED." },
);
export const JobError = Nullable(Failure);
export const Named = Type.Object({ id: Uuid, name: Type.String() }, { title: "Named" });

export const MachineName = Type.String({ pattern: MACHINE_NAME, description: "a-z, A-Z, 0-9 and -, 1 to 100." });
export const MachineClass = Type.String({
	pattern: MACHINE_CLASS,
	description: "Of machines: only those take the runs. Any, unless given.",
	examples: ["gpu"],
});
const NAME = { pattern: "^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$", description: "a-z, 0-9 and -, 1 to 64." };
export const DeploymentName = Type.String({ ...NAME });
export const FeedName = Type.String({ ...NAME });
export const Fallback = Type.Enum(["none", "popular"], {
	type: "string",
	title: "Fallback",
	description: "What answers a person whom the model does not know: an error, or what most people like.",
});
export type Fallback = Static<typeof Fallback>;
export const IdParams = Type.Object({ id: Uuid }, { additionalProperties: false });
export const pageQuery = <T extends Record<string, TSchema>>(filters: T) =>
	Type.Object(
		{
			limit: Type.Integer({ minimum: 1, maximum: 200, default: 50, description: "Of one page." }),
			cursor: Type.Optional(
				Type.String({
					format: "cursor",
					minLength: 1,
					maxLength: 200,
					description: "`nextCursor` of the page before.",
				}),
			),
			...filters,
		},
		{ additionalProperties: false },
	);
const nextCursor = Nullable(Type.String({ description: "To be given as `cursor` for the next page." }));
const titleOf = (schema: TSchema): string => {
	if ("title" in schema && typeof schema.title === "string") return schema.title;
	throw new Error("what is listed must have a title");
};
/** `nextCursor` is null on the last page. */
export const page = <T extends TSchema>(item: T) =>
	Type.Object({ items: Type.Array(item), nextCursor }, { title: `${titleOf(item)}Page` });
/** A page that says how many there are in all. */
export const countedPage = <T extends TSchema>(item: T) =>
	Type.Object({ items: Type.Array(item), nextCursor, total: Type.Integer() }, { title: `${titleOf(item)}Page` });
/** All there are, at once. */
export const listOf = <T extends TSchema>(item: T) =>
	Type.Object({ items: Type.Array(item) }, { title: `${titleOf(item)}List` });

export const Protocol = Type.Object(
	{
		maskTest: Type.String({ description: "What is masked when the test split is ranked: train or train+valid." }),
		cutoffs: Type.Array(Type.Integer()),
		metrics: Type.Array(Type.String(), { description: "What is measured at each cut-off: /metric-definitions." }),
		hash: Type.String({ description: "sha256; numbers compare only under the same protocol." }),
	},
	{ title: "Protocol" },
);
export const MaskTest = Type.Enum(["train", "train+valid"], {
	type: "string",
	description: "What is masked when the test split is ranked.",
});
export const Cutoffs = Type.Array(Type.Integer({ minimum: 1, maximum: 1000 }), {
	minItems: 1,
	maxItems: 10,
	uniqueItems: true,
});
/** `usual`: what is measured where they are not given. */
export const MetricNames = (usual: string) =>
	Type.Array(Text(50), {
		minItems: 1,
		maxItems: 50,
		uniqueItems: true,
		description: `Names of /metric-definitions, in any order; ${usual} unless given.`,
		examples: [["recall", "ndcg", "mrr"]],
	});

const FieldProblem = Type.Object(
	{
		pointer: Type.String({ description: "Where in the request: /models/0/params/k." }),
		code: Type.String(),
		message: Type.String(),
	},
	{ title: "FieldProblem" },
);
export const ProblemDetails = Type.Object(
	{
		type: Type.String({ description: "The place on the page of error codes: /errors#unknown_user." }),
		title: Type.String(),
		status: Type.Integer(),
		detail: Type.String(),
		instance: Type.String({ description: "Of this one answer; the log has it too." }),
		code: Type.String({ description: "One of /errors." }),
		errors: Type.Optional(Type.Array(FieldProblem)),
	},
	{ title: "ProblemDetails", description: "Problem details, RFC 9457." },
);
export type ProblemDetails = Static<typeof ProblemDetails>;
const problem = { description: "Problem details", content: { "application/problem+json": { schema: ProblemDetails } } };
/** What every route may answer beside its own. */
export const problems = { "4xx": problem, "5xx": problem } as const;

export const IdempotencyHeaders = Type.Object({
	"idempotency-key": Type.Optional(
		Type.String({ format: "idempotency-key", description: "The same key and body give the first answer again." }),
	),
});
