import { type Static, Type } from "@fastify/type-provider-typebox";
import type { Prisma } from "../generated/prisma/client.js";
import type { DatasetStatistics } from "../generated/proto/trainer/v1/trainer.js";
import { Nullable, Time, Uuid } from "../http/schemas.js";
import { importFields, importJob, importView, toldFields, toldView } from "./import.js";

const Bin = Type.Object({ low: Type.Integer(), high: Type.Integer(), count: Type.Integer() }, { title: "Bin" });
const Bins = Type.Array(Bin);
const Times = Type.Object(
	{
		from: Time,
		to: Time,
		form: Type.String({
			description: "How they were written: seconds, milliseconds, ..., ISO 8601 and whether it says a zone.",
		}),
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
		outsideCore: Type.Integer({ description: "Interactions of users or items with fewer than kCore." }),
		titledItems: Type.Integer(),
		taggedItems: Type.Integer(),
		tags: Type.Integer({ description: "How many different ones the items have." }),
		userDegrees: Bins,
		itemDegrees: Bins,
		problemsTotal: Type.Integer(),
	},
	{ title: "DatasetStatistics" },
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
		...importFields,
		splitDigest: Nullable(Type.String()),
		createdAt: Time,
		statistics: Nullable(Statistics),
		...toldFields,
		experiments: Type.Integer({ description: "How many experiments are on it." }),
		feed: Nullable(OfFeed),
	},
	{ title: "Dataset" },
);

export const datasetInclude = {
	job: importJob,
	_count: { select: { experiments: true } },
} as const satisfies Prisma.DatasetInclude;
type Row = Prisma.DatasetGetPayload<{ include: typeof datasetInclude }>;
type View = Static<typeof DatasetView>;

export function datasetView(row: Row): View {
	const stored = row.statistics as unknown as Stored | null;
	const told = toldView({ ...row, problemsTotal: Math.max(row.problemsTotal, stored?.problemsTotal ?? 0) });
	return {
		id: row.id,
		name: row.name,
		digest: row.digest,
		...importView(row),
		splitDigest: row.splitDigest,
		createdAt: row.createdAt.toISOString(),
		statistics: stored && { ...statisticsOf(stored), problemsTotal: told.problemsTotal },
		...told,
		experiments: row._count.experiments,
		feed: row.feed as OfFeed | null,
	};
}

type Later = "taggedItems" | "tags" | "outsideWindow" | "outsideCore" | "foldIn" | "times";
type Stored = Partial<Pick<DatasetStatistics, Later>> & Omit<DatasetStatistics, Later>;

/** Imports of earlier versions kept no tags and no times, and did not count who is outside the core. */
function statisticsOf(stored: Stored): NonNullable<View["statistics"]> {
	const { taggedItems = 0, tags = 0, outsideWindow = 0, outsideCore = 0, foldIn = 0, times, ...others } = stored;
	const later = { taggedItems, tags, outsideWindow, outsideCore, foldIn };
	return { ...others, ...later, times: times ? timesOf(times) : null };
}

const timeOf = (ms: number) => new Date(ms).toISOString();
const timesOf = ({ fromMs, toMs, form, unknown, cutsMs }: NonNullable<Stored["times"]>) => ({
	from: timeOf(fromMs),
	to: timeOf(toMs),
	form,
	unknown,
	cuts: cutsMs.map(timeOf),
});
