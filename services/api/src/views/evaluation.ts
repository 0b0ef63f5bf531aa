import { type Static, Type } from "@fastify/type-provider-typebox";
import type { Prisma } from "../generated/prisma/client.js";
import { JobError, MaybeNumber, MetricValues, Nullable, Protocol, State, Uuid } from "../http/schemas.js";
import { errorOf } from "./job.js";
import { MetricGroup, metricGroupsOf, protocolOf } from "./measures.js";

export const EvaluationView = Type.Object(
	{
		id: Uuid,
		runId: Uuid,
		checkpointId: Nullable(Uuid),
		epoch: Type.Integer({ description: "Of the checkpoint, which may have been removed since." }),
		datasetId: Nullable(
			Type.String({
				format: "uuid",
				description: "Of another dataset than the run's own; null: it was measured on that.",
			}),
		),
		split: Type.String(),
		protocol: Protocol,
		state: State,
		error: JobError,
		metrics: Nullable(MetricValues),
		users: Nullable(Type.Integer()),
		groups: Type.Array(MetricGroup),
		seconds: MaybeNumber,
		learntFrom: Nullable(
			Type.Integer({
				description: "On another dataset: interactions of the measured part that the checkpoint has learnt from.",
			}),
		),
		unknownItems: Nullable(
			Type.Integer({
				description:
					"On another dataset: items of the measured part that the checkpoint does not know. They count as missed.",
			}),
		),
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
	datasetId: row.datasetId,
	split: row.split,
	protocol: protocolOf({ ...row, metrics: row.metricNames }),
	state: row.job.state,
	error: errorOf(row.job),
	metrics: row.metrics as Record<string, number | null> | null,
	users: row.users,
	groups: metricGroupsOf(row),
	seconds: row.seconds,
	learntFrom: row.learntFrom,
	unknownItems: row.unknownItems,
});
