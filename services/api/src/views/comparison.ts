// How comparisons appear in answers.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { ComparedGroup, type StoredGroup } from "../comparisons/compared-group.js";
import { ComparisonResult } from "../comparisons/result.js";
import { configHashOf } from "../experiments/labels.js";
import type { Prisma } from "../generated/prisma/client.js";
import { JobError, Named, Nullable, Protocol, State, Time, Uuid } from "../http/schemas.js";
import type { Transaction } from "../plugins/prisma.js";
import { type EffortOf, effortsOf } from "../searches/effort.js";
import { errorOf } from "./job.js";

export const ComparisonView = Type.Object(
	{
		id: Uuid,
		name: Type.String(),
		state: State,
		error: JobError,
		progress: Nullable(
			Type.Object(
				{ done: Type.Integer(), total: Type.Integer() },
				{ title: "ComparisonProgress", description: "Steps." },
			),
		),
		dataset: Named,
		protocol: Protocol,
		metrics: Type.Array(Type.String(), { description: "recall@20, ...: means over users." }),
		groups: Type.Array(ComparedGroup),
		baseline: Nullable(
			Type.Integer({ description: "Place in `groups` of what the others are compared with; null: each with each." }),
		),
		draws: Type.Integer({ description: "Of bootstrap and randomisation." }),
		seed: Type.Integer({ description: "Of what is drawn." }),
		createdAt: Time,
		startedAt: Nullable(Time),
		finishedAt: Nullable(Time),
	},
	{ title: "Comparison" },
);
/** With what it has found. */
export const WholeComparison = Type.Object(
	{ ...ComparisonView.properties, result: Nullable(ComparisonResult) },
	{ title: "ComparisonDetail" },
);

/** Without what was found, which is much. */
export const comparisonQuery = {
	include: { job: true, dataset: { select: { id: true, name: true } }, runs: { select: { runId: true } } },
	omit: { result: true },
} as const satisfies Prisma.ComparisonDefaultArgs;
type Row = Prisma.ComparisonGetPayload<typeof comparisonQuery>;

/** Of the groups of these, as far as searches and what confirmed them are there. */
export const effortsIn = (tx: Transaction, rows: Pick<Row, "datasetId" | "groups">[]): Promise<EffortOf> =>
	effortsOf(
		tx,
		rows.map(({ datasetId }) => datasetId),
		rows.flatMap(groupsOf).map(hashOf),
	);

const groupsOf = (row: Pick<Row, "groups">) => row.groups as unknown as StoredGroup[];
const hashOf = ({ model, config, processes = 1 }: Omit<StoredGroup, "runs" | "name">) =>
	configHashOf({ model, config, processes });

export function comparisonView(row: Row, effortOf: EffortOf): Static<typeof ComparisonView> {
	const { job } = row;
	const there = new Set(row.runs.map(({ runId }) => runId));
	return {
		id: row.id,
		name: row.name,
		state: job.state,
		error: errorOf(job),
		progress: row.total === null ? null : { done: row.done, total: row.total },
		dataset: row.dataset,
		protocol: row.protocol as Static<typeof Protocol>,
		metrics: row.metrics,
		groups: groupsOf(row).map(({ runs, effort = null, ...group }) => ({
			...group,
			processes: group.processes ?? 1,
			// What no search had found at launch is not what one found since.
			effort: effort && (effortOf(row.datasetId, hashOf(group)) ?? effort),
			runs: runs.map((run) => ({ ...run, isGone: !there.has(run.id) })),
		})),
		baseline: row.baseline,
		draws: row.draws,
		seed: row.seed,
		createdAt: row.createdAt.toISOString(),
		startedAt: job.startedAt?.toISOString() ?? null,
		finishedAt: job.finishedAt?.toISOString() ?? null,
	};
}
