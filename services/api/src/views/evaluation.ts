import { type Static, Type } from "@fastify/type-provider-typebox";
import type { Prisma } from "../generated/prisma/client.js";
import { JobError, MaybeNumber, MetricValues, Nullable, Protocol, State, Uuid } from "../http/schemas.js";
import { errorOf } from "./job.js";

export const EvaluationView = Type.Object(
	{
		id: Uuid,
		runId: Uuid,
		checkpointId: Nullable(Uuid),
		epoch: Type.Integer({ description: "Of the checkpoint, which may have been removed since." }),
		split: Type.String(),
		protocol: Protocol,
		state: State,
		error: JobError,
		metrics: Nullable(MetricValues),
		users: Nullable(Type.Integer()),
		seconds: MaybeNumber,
	},
	{ title: "Evaluation" },
);

export const evaluationInclude = { job: true } as const satisfies Prisma.EvaluationInclude;
type Row = Prisma.EvaluationGetPayload<{ include: typeof evaluationInclude }>;

export const evaluationView = (row: Row): Static<typeof EvaluationView> => ({
	id: row.id,
	runId: row.runId,
	checkpointId: row.checkpointId,
	epoch: row.epoch,
	split: row.split,
	protocol: { maskTest: row.maskTest, cutoffs: row.cutoffs, hash: row.protocolHash },
	state: row.job.state,
	error: errorOf(row.job),
	metrics: row.metrics as Record<string, number | null> | null,
	users: row.users,
	seconds: row.seconds,
});
