import { type Static, Type } from "@fastify/type-provider-typebox";
import type { Prisma } from "../generated/prisma/client.js";
import { JobError, Named, Nullable, State, Time, Uuid } from "../http/schemas.js";
import { errorOf } from "./job.js";

export const FORMATS = ["ndjson", "csv", "parquet"] as const;
export type Format = (typeof FORMATS)[number];

export const ExportView = Type.Object(
	{
		id: Uuid,
		deployment: Type.String({ description: "Its name, which may serve something else since, or nothing." }),
		checkpoint: Type.Object(
			{ id: Nullable(Uuid), runId: Uuid, model: Type.String(), epoch: Type.Integer() },
			{ title: "ExportedCheckpoint" },
		),
		experiment: Named,
		dataset: Named,
		n: Type.Integer(),
		format: Type.Enum([...FORMATS], { type: "string" }),
		explain: Type.Boolean(),
		users: Nullable(Type.Integer({ description: "How many ids were asked for; null: everybody." })),
		unknownUsers: Nullable(Type.Integer({ description: "How many of them the dataset does not have." })),
		state: State,
		error: JobError,
		progress: Nullable(
			Type.Object({ done: Type.Integer(), total: Type.Integer() }, { title: "ExportProgress", description: "Users." }),
		),
		rows: Nullable(Type.Integer({ description: "Lines of ndjson, one a user; rows of csv and parquet." })),
		bytes: Nullable(Type.Integer()),
		sha256: Nullable(Type.String()),
		hasFile: Type.Boolean({ description: "Whether it can be downloaded; false again once its file is gone." }),
		createdAt: Time,
		startedAt: Nullable(Time),
		finishedAt: Nullable(Time),
	},
	{ title: "Export" },
);

/** Without the ids, which may be a hundred thousand. */
export const exportQuery = {
	include: {
		job: true,
		run: {
			select: {
				model: true,
				experiment: { select: { id: true, name: true } },
				dataset: { select: { id: true, name: true } },
			},
		},
	},
	omit: { users: true, hidden: true },
} as const satisfies Prisma.ExportDefaultArgs;
export type ExportRow = Prisma.ExportGetPayload<typeof exportQuery>;

export const exportView = ({ job, run, ...row }: ExportRow): Static<typeof ExportView> => ({
	id: row.id,
	deployment: row.deploymentName,
	checkpoint: { id: row.checkpointId, runId: row.runId, model: run.model, epoch: row.epoch },
	experiment: run.experiment,
	dataset: run.dataset,
	n: row.n,
	format: row.format as Format,
	explain: row.explain,
	users: row.usersAsked,
	unknownUsers: row.unknownUsers,
	state: job.state,
	error: errorOf(job),
	progress: row.usersTotal === null ? null : { done: row.usersDone, total: row.usersTotal },
	rows: row.rows === null ? null : Number(row.rows),
	bytes: row.bytes === null ? null : Number(row.bytes),
	sha256: row.sha256,
	hasFile: job.state === "SUCCEEDED" && row.artifactKey !== null,
	createdAt: row.createdAt.toISOString(),
	startedAt: job.startedAt?.toISOString() ?? null,
	finishedAt: job.finishedAt?.toISOString() ?? null,
});
