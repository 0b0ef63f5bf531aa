import { type Static, Type } from "@fastify/type-provider-typebox";
import type { Prisma } from "../generated/prisma/client.js";
import { JobError, Nullable, State, Time, Uuid } from "../schemas.js";
import { errorOf } from "./job.js";

const Bins = Type.Array(Type.Object({ low: Type.Integer(), high: Type.Integer(), count: Type.Integer() }));
const Statistics = Type.Object({
	users: Type.Integer(),
	items: Type.Integer(),
	interactions: Type.Integer(),
	train: Type.Integer(),
	valid: Type.Integer(),
	test: Type.Integer(),
	density: Type.Number(),
	duplicatesMerged: Type.Integer(),
	rowsSkipped: Type.Integer(),
	belowThreshold: Type.Integer(),
	coldDropped: Type.Integer(),
	titledItems: Type.Integer(),
	userDegrees: Bins,
	itemDegrees: Bins,
	problemsTotal: Type.Integer(),
});
const ImportProblem = Type.Object({
	code: Type.String(),
	file: Type.String(),
	line: Type.Integer(),
	column: Type.String(),
	message: Type.String(),
});

export const DatasetView = Type.Object({
	id: Uuid,
	name: Type.String(),
	digest: Type.String(),
	rule: Type.Record(Type.String(), Type.Unknown()),
	files: Type.Array(
		Type.Object({ role: Type.String(), name: Type.String(), bytes: Type.Integer(), sha256: Type.String() }),
	),
	state: State,
	error: JobError,
	progress: Nullable(Type.Object({ stage: Type.String(), fraction: Type.Number(), rowsRead: Type.Integer() })),
	splitDigest: Nullable(Type.String()),
	createdAt: Time,
	statistics: Nullable(Statistics),
	problemsTotal: Type.Integer(),
	problems: Type.Array(ImportProblem),
});

export interface StoredFile {
	role: string;
	uploadKey: string;
	displayName: string;
	sha256: string;
	bytes: number;
}

export const datasetInclude = {
	job: { include: { events: { where: { type: "progress" }, orderBy: { seq: "desc" }, take: 1 } } },
} as const satisfies Prisma.DatasetInclude;
type Row = Prisma.DatasetGetPayload<{ include: typeof datasetInclude }>;
type View = Static<typeof DatasetView>;

export function datasetView(row: Row): View {
	const statistics = row.statistics as View["statistics"];
	const problems = row.problems as View["problems"];
	return {
		id: row.id,
		name: row.name,
		digest: row.digest,
		rule: row.rule as Record<string, unknown>,
		files: (row.files as unknown as StoredFile[]).map(({ role, displayName, bytes, sha256 }) => ({
			role,
			name: displayName,
			bytes,
			sha256,
		})),
		state: row.job.state,
		error: errorOf(row.job),
		progress: row.job.state === "RUNNING" ? ((row.job.events[0]?.data as View["progress"]) ?? null) : null,
		splitDigest: row.splitDigest,
		createdAt: row.createdAt.toISOString(),
		statistics,
		problemsTotal: Math.max(statistics?.problemsTotal ?? 0, problems.length),
		problems,
	};
}
