// Schemas that several routes share, and the shape of every error.
import { type Static, type TSchema, Type } from "@fastify/type-provider-typebox";

export const Uuid = Type.String({ format: "uuid" });
export const Id = Type.String({ format: "id", description: "The caller's own id: any Unicode, 1 to 512 bytes." });
export const Text = (maxLength: number) => Type.String({ format: "text", minLength: 1, maxLength });
export const Time = Type.String({ description: "ISO 8601, UTC." });
export const MaybeNumber = Type.Union([Type.Number(), Type.Null()]);
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
export const State = Type.Enum(["QUEUED", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]);
export const JobError = Nullable(Type.Object({ code: Type.String(), message: Type.String() }));
export const Named = Type.Object({ id: Uuid, name: Type.String() });

export const IdParams = Type.Object({ id: Uuid }, { additionalProperties: false });
export const pageQuery = <T extends Record<string, TSchema>>(filters: T) =>
	Type.Object(
		{
			limit: Type.Integer({ minimum: 1, maximum: 200, default: 50 }),
			cursor: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
			...filters,
		},
		{ additionalProperties: false },
	);
export const page = <T extends TSchema>(item: T) =>
	Type.Object({ items: Type.Array(item), nextCursor: Nullable(Type.String()) });

export const Protocol = Type.Object({
	maskTest: Type.String(),
	cutoffs: Type.Array(Type.Integer()),
	hash: Type.String({ description: "sha256; numbers compare only under the same protocol." }),
});
export const MaskTest = Type.Enum(["train", "train+valid"], {
	description: "What is masked when the test split is ranked.",
});
export const Cutoffs = Type.Array(Type.Integer({ minimum: 1, maximum: 1000 }), {
	minItems: 1,
	maxItems: 10,
	uniqueItems: true,
});

export const ProblemDetails = Type.Object(
	{
		type: Type.String(),
		title: Type.String(),
		status: Type.Integer(),
		detail: Type.String(),
		instance: Type.String(),
		code: Type.String(),
		errors: Type.Optional(
			Type.Array(Type.Object({ pointer: Type.String(), code: Type.String(), message: Type.String() })),
		),
	},
	{ description: "Problem details, RFC 9457." },
);
export type ProblemDetails = Static<typeof ProblemDetails>;
const problem = { description: "Problem details", content: { "application/problem+json": { schema: ProblemDetails } } };
/** What every route may answer beside its own. */
export const problems = { "4xx": problem, "5xx": problem } as const;

export const IdempotencyHeaders = Type.Object({
	"idempotency-key": Type.Optional(Type.String({ description: "The same key and body give the first answer again." })),
});
