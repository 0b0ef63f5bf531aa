// How experiments appear in answers, with what follows from their runs.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { type KeepRule, KeepView } from "../experiments/keep-rule.js";
import { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { Named, Nullable, Protocol, State, Time, Uuid } from "../http/schemas.js";
import { isFinal } from "../plugins/jobs.js";
import type { Transaction } from "../plugins/prisma.js";
import { IS_PRUNED, PRUNED } from "../searches/trial-state.js";
import { protocolOf } from "./measures.js";
import { bestMetrics, RunSummary, runSummary, summaryInclude } from "./run.js";
import { SearchView, searchesOf } from "./search.js";
import { meansOf, SeedMean } from "./seed-means.js";

const Group = Type.Object(
	{
		model: Type.String(),
		config: Type.Record(Type.String(), Type.Unknown()),
		configHash: Type.String(),
		processes: Type.Integer({ description: "That train each of its runs together." }),
		seeds: Type.Array(Type.Integer(), { description: "All that there are, their runs final or not." }),
		seedsIn: Type.Integer({ description: "How many of them have SUCCEEDED." }),
		seedsOpen: Type.Integer({ description: "How many of them may still come." }),
		metrics: Type.Record(Type.String(), SeedMean, {
			description: "Mean and sample deviation over the seeds that have the metric.",
		}),
	},
	{ title: "SeedGroup", description: "Runs that differ only in their seed." },
);

export const ExperimentView = Type.Object(
	{
		id: Uuid,
		name: Type.String(),
		dataset: Named,
		state: State,
		createdAt: Time,
		protocol: Protocol,
		keep: KeepView,
		refit: Type.Boolean({ description: "Whether its best run is refit once all have ended." }),
		spec: Type.Record(Type.String(), Type.Unknown()),
		runCounts: Type.Record(Type.String(), Type.Integer()),
		progress: Type.Number(),
		models: Type.Array(Type.String()),
		best: Nullable(
			Type.Object(
				{ runId: Uuid, model: Type.String(), metric: Type.String(), value: Type.Number() },
				{ title: "BestRun" },
			),
		),
	},
	{ title: "Experiment" },
);
/** With its runs. */
export const WholeExperiment = Type.Object(
	{
		...ExperimentView.properties,
		runs: Type.Array(RunSummary),
		groups: Type.Array(Group),
		refits: Type.Array(RunSummary, {
			description: "Runs on all interactions. They are not in runs, groups, counts, progress, state and best.",
		}),
		searches: Type.Array(SearchView, { description: "Their trials are among the runs." }),
	},
	{ title: "ExperimentDetail" },
);
type View = Static<typeof ExperimentView>;
type RunView = Static<typeof RunSummary>;

/** state of an experiment from its runs' states, as SQL over `jobs j`. */
export const EXPERIMENT_STATE = Prisma.sql`CASE
	WHEN bool_and(j.state = 'QUEUED') THEN 'QUEUED'
	WHEN bool_or(j.state IN ('QUEUED', 'RUNNING')) THEN 'RUNNING'
	WHEN bool_or(j.state = 'FAILED') THEN 'FAILED'
	WHEN bool_or(j.state = 'CANCELLED') THEN 'CANCELLED'
	ELSE 'SUCCEEDED' END`;

interface Aggregate {
	experiment_id: string;
	state: View["state"];
	counts: Record<string, number>;
	progress: number;
	models: string[];
	best: { runId: string; model: string; value: number } | null;
}

export const experimentInclude = {
	dataset: { select: { id: true, name: true } },
} as const satisfies Prisma.ExperimentInclude;
type Row = Prisma.ExperimentGetPayload<{ include: typeof experimentInclude }>;

/** Views of many experiments with one aggregate query over their runs. */
export async function experimentViews(prisma: Transaction, rows: Row[]): Promise<View[]> {
	const ids = rows.map((row) => row.id);
	const aggregates = await prisma.$queryRaw<Aggregate[]>`
		SELECT r.experiment_id, ${EXPERIMENT_STATE} AS state,
			jsonb_build_object('QUEUED', count(*) FILTER (WHERE j.state = 'QUEUED'), 'RUNNING', count(*) FILTER (WHERE j.state = 'RUNNING'),
				'SUCCEEDED', count(*) FILTER (WHERE j.state = 'SUCCEEDED'), 'FAILED', count(*) FILTER (WHERE j.state = 'FAILED'),
				'CANCELLED', count(*) FILTER (WHERE j.state = 'CANCELLED')) AS counts,
			avg(CASE WHEN j.finished_at IS NOT NULL THEN 1 ELSE least(1, (r.epoch + r.epoch_fraction) / coalesce(r.max_epochs, 1e9)) END)::float8 AS progress,
			array_agg(DISTINCT r.model) AS models,
			(array_agg(jsonb_build_object('runId', r.id, 'model', r.model, 'value', r.best_value) ORDER BY r.best_value DESC)
				FILTER (WHERE r.best_value IS NOT NULL AND r.best_value <> 'NaN' AND NOT ${IS_PRUNED}))[1] AS best
		FROM runs r JOIN jobs j ON j.id = r.id
		WHERE r.experiment_id = ANY(${ids}::uuid[]) AND r.refit_of_id IS NULL GROUP BY r.experiment_id`;
	const byId = new Map(aggregates.map((aggregate) => [aggregate.experiment_id, aggregate]));
	return rows.map((row) => {
		const aggregate = byId.get(row.id);
		const metric = `recall@${row.cutoffs[0]}`;
		return {
			id: row.id,
			name: row.name,
			dataset: row.dataset,
			state: aggregate?.state ?? "SUCCEEDED",
			createdAt: row.createdAt.toISOString(),
			protocol: protocolOf(row),
			refit: row.refit,
			keep: { checkpoints: row.keepCheckpoints as KeepRule["checkpoints"], runs: row.keepRuns },
			spec: row.spec as Record<string, unknown>,
			runCounts: aggregate?.counts ?? {},
			progress: aggregate?.progress ?? 1,
			models: aggregate?.models ?? [],
			best: aggregate?.best ? { ...aggregate.best, metric } : null,
		};
	});
}

/** One experiment with its runs. */
export async function wholeExperiment(prisma: Transaction, id: string): Promise<Static<typeof WholeExperiment>> {
	const row = await prisma.experiment.findUnique({ where: { id }, include: experimentInclude });
	if (!row) throw new ApiError("not_found", "There is no experiment with this id.");
	const [view] = (await experimentViews(prisma, [row])) as [View];
	const rows = await prisma.run.findMany({
		where: { experimentId: id },
		include: summaryInclude,
		orderBy: { position: "asc" },
	});
	const metrics = await bestMetrics(
		prisma,
		rows.map((run) => run.id),
	);
	const all = rows.map((run) => runSummary(run, metrics.get(run.id) ?? {}));
	const runs = all.filter((run) => run.vouchedBy === null);
	const refits = all.filter((run) => run.vouchedBy !== null);
	return { ...view, runs, groups: groupsOf(runs), refits, searches: await searchesOf(prisma, id) };
}

/**
 * Runs that differ only in their seed, with mean and sample deviation of each metric. A trial counts once it has its configuration; one
 * that came upon what another run of the experiment does already is no further seed. Of such twins the one that was tested counts, or else
 * one that may yet be; the first of equals.
 */
export function groupsOf(runs: RunView[]): Static<typeof Group>[] {
	const groups = new Map<string, Map<number, RunView>>();
	for (const run of runs.filter(({ trial }) => trial === null || trial.chosen !== null)) {
		const bySeed = groups.get(run.configHash) ?? new Map<number, RunView>();
		groups.set(run.configHash, bySeed);
		const twin = bySeed.get(run.seed);
		if (!twin || prospectOf(run) > prospectOf(twin)) bySeed.set(run.seed, run);
	}
	return [...groups.values()].map((bySeed) => {
		const members = [...bySeed.values()];
		const [{ model, config, configHash, processes }] = members as [RunView];
		return {
			model,
			config,
			configHash,
			processes,
			seeds: members.map((run) => run.seed),
			seedsIn: members.filter((run) => run.state === "SUCCEEDED").length,
			seedsOpen: members.filter((run) => !isFinal(run.state)).length,
			metrics: meansOf(members.map(({ metrics }) => metrics)),
		};
	});
}

/** Of a test of the run: 2 where there is one, 1 where there may be, 0 where there never will. */
function prospectOf({ state, stopReason }: RunView): number {
	if (state === "SUCCEEDED" && stopReason !== PRUNED) return 2;
	return isFinal(state) ? 0 : 1;
}
