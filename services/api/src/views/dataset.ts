import { type Static, Type } from "@fastify/type-provider-typebox";
import type { StoredFile } from "../datasets/dataset-store.js";
import type { Prisma } from "../generated/prisma/client.js";
import type { DatasetStatistics } from "../generated/proto/trainer/v1/trainer.js";
import { JobError, Nullable, State, Time, Uuid } from "../http/schemas.js";
import { errorOf } from "./job.js";

const Bin = Type.Object({ low: Type.Integer(), high: Type.Integer(), count: Type.Integer() }, { title: "Bin" });
const Bins = Type.Array(Bin);
const Times = Type.Object(
	{
		from: Time,
		to: Time,
		form: Type.String({ description: "How they were written: seconds, milliseconds, ..., ISO 8601." }),
		unknown: Type.Integer({ description: "Interactions without a time." }),
		cuts: Type.Array(Time, { description: "Of a temporal split: where valid begins, and where test does." }),
	},
	{ title: "DatasetTimes" },
);
const Statistics = Type.Object(
	{
		users: Type.Integer(),
		items: Type.Integer(),
		interactions: Type.Integer(),
		train: Type.Integer(),
		valid: Type.Integer(),
		test: Type.Integer(),
		foldIn: Type.Integer({ description: "Of a strong split: what is known of the held-out users." }),
		times: Nullable(Times),
		density: Type.Number(),
		duplicatesMerged: Type.Integer(),
		rowsSkipped: Type.Integer(),
		belowThreshold: Type.Integer(),
		outsideWindow: Type.Integer({ description: "Rows before since or not before until." }),
		coldDropped: Type.Integer(),
		titledItems: Type.Integer(),
		taggedItems: Type.Integer(),
		tags: Type.Integer({ description: "How many different ones the items have." }),
		userDegrees: Bins,
		itemDegrees: Bins,
		problemsTotal: Type.Integer(),
	},
	{ title: "DatasetStatistics" },
);
export const ImportProblem = Type.Object(
	{
		code: Type.String(),
		file: Type.String(),
		line: Type.Integer({ description: "From 1; of Parquet and JSON arrays the row. 0: of the whole file." }),
		column: Type.String(),
		message: Type.String(),
	},
	{ title: "ImportProblem" },
);

const OfFeed = Type.Object(
	{
		name: Type.String(),
		at: Type.String({ description: "ISO 8601, UTC. What was acknowledged before is in it." }),
		rows: Type.Integer(),
		upTo: Type.Integer({ description: "Number of its last row: rows with a higher one are newer." }),
	},
	{ title: "SnapshotOf", description: "The feed that the dataset is a snapshot of." },
);
export type OfFeed = Static<typeof OfFeed>;

export const DatasetView = Type.Object(
	{
		id: Uuid,
		name: Type.String(),
		digest: Type.String(),
		rule: Type.Record(Type.String(), Type.Unknown()),
		files: Type.Array(
			Type.Object(
				{ role: Type.String(), name: Type.String(), bytes: Type.Integer(), sha256: Type.String() },
				{ title: "DatasetFile" },
			),
		),
		state: State,
		error: JobError,
		progress: Nullable(
			Type.Object(
				{ stage: Type.String(), fraction: Type.Number(), rowsRead: Type.Integer() },
				{ title: "ImportProgress" },
			),
		),
		splitDigest: Nullable(Type.String()),
		createdAt: Time,
		statistics: Nullable(Statistics),
		problemsTotal: Type.Integer(),
		problems: Type.Array(ImportProblem),
		experiments: Type.Integer({ description: "How many experiments are on it." }),
		feed: Nullable(OfFeed),
	},
	{ title: "Dataset" },
);

export const datasetInclude = {
	job: { include: { events: { where: { type: "progress" }, orderBy: { seq: "desc" }, take: 1 } } },
	_count: { select: { experiments: true } },
} as const satisfies Prisma.DatasetInclude;
type Row = Prisma.DatasetGetPayload<{ include: typeof datasetInclude }>;
type View = Static<typeof DatasetView>;

export function datasetView(row: Row): View {
	const statistics = row.statistics === null ? null : statisticsOf(row.statistics as unknown as Stored);
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
		problemsTotal: Math.max(row.problemsTotal, statistics?.problemsTotal ?? 0, problems.length),
		problems,
		experiments: row._count.experiments,
		feed: row.feed as OfFeed | null,
	};
}

type Stored = Partial<Pick<DatasetStatistics, "taggedItems" | "tags" | "outsideWindow" | "foldIn" | "times">> &
	Omit<DatasetStatistics, "taggedItems" | "tags" | "outsideWindow" | "foldIn" | "times">;

/** Imports of earlier versions kept no tags and no times. */
function statisticsOf(stored: Stored): NonNullable<View["statistics"]> {
	const { taggedItems = 0, tags = 0, outsideWindow = 0, foldIn = 0, times, ...others } = stored;
	return { ...others, taggedItems, tags, outsideWindow, foldIn, times: times ? timesOf(times) : null };
}

const timeOf = (ms: number) => new Date(ms).toISOString();
const timesOf = ({ fromMs, toMs, form, unknown, cutsMs }: NonNullable<Stored["times"]>) => ({
	from: timeOf(fromMs),
	to: timeOf(toMs),
	form,
	unknown,
	cuts: cutsMs.map(timeOf),
});
