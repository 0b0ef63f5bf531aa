// Which checkpoints of its finished runs an experiment keeps: the schema and its parsed form.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { Nullable } from "../http/schemas.js";

const KEPT = ["best+last", "best"] as const;
const Checkpoints = Type.Enum([...KEPT], { type: "string", description: "Of each finished run." });
const Runs = Type.Integer({
	minimum: 1,
	maximum: 1000,
	description: "Only so many best runs keep checkpoints once all have ended; all of them unless given.",
});
/** As answers say it, so that what was read can be sent back. */
const RunsOrAll = Type.Optional(Type.Unsafe<number | null>({ ...Runs, type: ["integer", "null"] }));

export interface KeepRule {
	checkpoints: (typeof KEPT)[number];
	/** Only so many best runs keep checkpoints once every run of the experiment has ended; null: all of them. */
	runs: number | null;
}
export const KeepRequest = Type.Object(
	{ checkpoints: Checkpoints, runs: RunsOrAll },
	{ title: "NewKeepRule", additionalProperties: false },
);
/** Where everything is kept unless it says otherwise. */
export const OptionalKeep = Type.Object(
	{ checkpoints: { ...Checkpoints, default: "best+last" } as typeof Checkpoints, runs: Type.Optional(Runs) },
	{ additionalProperties: false },
);
export const KeepView = Type.Object(
	{ checkpoints: Checkpoints, runs: Nullable(Type.Integer({ description: "Null: all of them." })) },
	{ title: "KeepRule" },
);

export const KEEP_ALL: KeepRule = { checkpoints: "best+last", runs: null };

export const ruleOf = ({ checkpoints, runs }: Static<typeof KeepRequest | typeof OptionalKeep>): KeepRule => ({
	checkpoints,
	runs: runs ?? null,
});
