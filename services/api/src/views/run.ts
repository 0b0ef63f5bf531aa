// How runs and checkpoints appear in answers.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { EstimateView, estimateView } from "../estimates/estimate.js";
import type { Prisma } from "../generated/prisma/client.js";
import {
	JobError,
	MaybeNumber,
	MetricValues,
	Named,
	Nullable,
	Protocol,
	State,
	Time,
	Uuid,
	UuidOf,
} from "../http/schemas.js";
import { errorOf, finite } from "./job.js";
import { MetricGroup } from "./measures.js";

const RunTrial = Type.Object(
	{
		search: Uuid,
		number: Type.Integer({ description: "From 0." }),
		chosen: Nullable(
			Type.Record(Type.String(), Type.Unknown(), { description: "What was proposed when it was its turn, by field." }),
		),
	},
	{ title: "RunTrial" },
);

export const RunSummary = Type.Object(
	{
		id: Uuid,
		experimentId: Uuid,
		model: Type.String(),
		seed: Type.Integer(),
		config: Type.Record(Type.String(), Type.Unknown(), { description: "Empty of a trial whose turn has not come." }),
		configHash: Type.String(),
		processes: Type.Integer({ description: "That train it together." }),
		state: State,
		epoch: Type.Integer(),
		maxEpochs: Nullable(Type.Integer()),
		progress: Type.Number({ description: "Part of the most epochs that is done, 0 to 1; 1 once final." }),
		secondsLeft: MaybeNumber,
		bestEpoch: Nullable(Type.Integer({ description: "Of the checkpoint to deploy." })),
		bestValue: Nullable(
			Type.Number({
				description: "Validation recall at the first cut-off in that epoch; null without validation items.",
			}),
		),
		bestSteps: Nullable(
			Type.Integer({
				description:
					"Taken up to `bestEpoch`: steps of the optimiser, or sweeps; 1 of a closed form. null: none yet, or not noted by an earlier version.",
			}),
		),
		chosenBy: Nullable(
			Type.Enum(["validation", "last_epoch", "steps"], {
				type: "string",
				description:
					"Why `bestEpoch` is the one: validation rose until it; no item measured which is best and it is the last; or, of a refit, so " +
					"many steps the run that vouches for it had taken. null: there is none yet, or an earlier version chose it where nothing was measured.",
			}),
		),
		vouchedBy: Nullable(
			UuidOf(
				"Of a refit: the run with the same configuration and seed, whose test metrics speak for it; it has none of its own.",
			),
		),
		refit: Nullable(
			Type.Object(
				{ id: Uuid, state: State },
				{ title: "RefitOfRun", description: "Its latest refit: the same on all interactions, for deploying." },
			),
		),
		trial: Nullable(RunTrial),
		stopReason: Nullable(
			Type.String({ description: "Why its training ended; pruned: a trial that fell out, and was not tested." }),
		),
		error: JobError,
		startedAt: Nullable(Time),
		finishedAt: Nullable(Time),
		trainSeconds: MaybeNumber,
		estimate: Nullable(EstimateView),
		class: Nullable(
			Type.String({
				description: "Of the machines that may take it: as asked for, or picked by its estimate. null: any.",
			}),
		),
		/** Of the best epoch: valid.recall@20, test.recall@20, ... */
		metrics: MetricValues,
	},
	{ title: "Run" },
);

export const CheckpointView = Type.Object(
	{
		id: Uuid,
		runId: Uuid,
		model: Type.String(),
		epoch: Type.Integer(),
		sha256: Type.String(),
		bytes: Type.Integer(),
		isBest: Type.Boolean(),
		isLast: Type.Boolean(),
		vouchedBy: Nullable(UuidOf("Of a refit's: the run that was tested.")),
		createdAt: Time,
		dataset: Named,
		experiment: Named,
	},
	{ title: "Checkpoint" },
);

export const RunView = Type.Object(
	{
		...RunSummary.properties,
		dataset: Named,
		protocol: Protocol,
		users: Nullable(
			Type.Integer({
				description:
					"Who was measured by the test; 0: nobody has an item in it. null: it has not been tested, or by an earlier version.",
			}),
		),
		groups: Type.Array(MetricGroup, { description: "Of the test." }),
		machine: Nullable(Type.String({ description: "Which works at it, or did so last." })),
		lacksMachine: Type.Boolean({
			description: "It is QUEUED, and no machine that may take it is there and takes work.",
		}),
		device: Nullable(Type.String()),
		torchVersion: Nullable(Type.String()),
		codeVersion: Nullable(Type.String()),
		parameters: Nullable(Type.Integer()),
		parametersSha256: Nullable(Type.String()),
		peakMemoryBytes: Nullable(Type.Integer()),
		lease: Type.Integer(),
		crashes: Type.Integer(),
		cancelRequested: Type.Boolean(),
		queuedAt: Time,
		heartbeatAt: Nullable(Time),
		checkpoints: Type.Array(CheckpointView),
		checkpointsRemovedAt: Nullable(Time),
		log: Type.Array(Type.Object({ at: Time, level: Type.String(), message: Type.String() }, { title: "LogLine" })),
	},
	{ title: "RunDetail" },
);

export const summaryInclude = {
	job: true,
	refits: { select: { id: true, job: { select: { state: true } } }, orderBy: { position: "desc" }, take: 1 },
} as const satisfies Prisma.RunInclude;
type RunRow = Prisma.RunGetPayload<{ include: typeof summaryInclude }>;
export type BestMetrics = Record<string, number>;

const iso = (date: Date | null) => date?.toISOString() ?? null;

/** Of a trial: nobody knows yet what it will be. */
const isUndecided = ({ searchId, chosen }: RunRow) => searchId !== null && chosen === null;

function trialOf({ searchId, trial, chosen }: RunRow): Static<typeof RunTrial> | null {
	if (searchId === null || trial === null) return null;
	return { search: searchId, number: trial, chosen: chosen as Record<string, unknown> | null };
}

function chosenBy(run: RunRow, bestValue: number | null): "validation" | "last_epoch" | "steps" | null {
	const { epoch, bestEpoch, refitOfId } = run;
	if (bestEpoch === null) return null;
	if (refitOfId !== null) return "steps";
	if (bestValue !== null) return "validation";
	// Earlier versions stored means over nobody, and kept an epoch for them that is not the last one.
	return bestEpoch === epoch ? "last_epoch" : null;
}

export function runSummary(run: RunRow, metrics: BestMetrics): Static<typeof RunSummary> {
	const { job } = run;
	const final = job.finishedAt !== null;
	const bestValue = finite(run.bestValue);
	const [latest] = run.refits;
	return {
		id: run.id,
		experimentId: run.experimentId,
		model: run.model,
		seed: run.seed,
		config: isUndecided(run) ? {} : (run.config as Record<string, unknown>),
		configHash: run.configHash,
		processes: run.processes,
		state: job.state,
		epoch: run.epoch,
		maxEpochs: run.maxEpochs,
		progress: final ? 1 : Math.min(1, (run.epoch + run.epochFraction) / (run.maxEpochs ?? Number.POSITIVE_INFINITY)),
		secondsLeft: finite(run.secondsLeft),
		bestEpoch: run.bestEpoch,
		bestValue,
		bestSteps: run.bestSteps === null ? null : Number(run.bestSteps),
		chosenBy: chosenBy(run, bestValue),
		vouchedBy: run.refitOfId,
		refit: latest ? { id: latest.id, state: latest.job.state } : null,
		trial: trialOf(run),
		stopReason: run.stopReason,
		error: errorOf(job),
		startedAt: iso(job.startedAt),
		finishedAt: iso(job.finishedAt),
		trainSeconds: finite(run.trainSeconds),
		estimate: estimateView(run),
		class: job.machineClass,
		metrics: Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, finite(value)])),
	};
}

export const checkpointInclude = {
	run: {
		select: {
			model: true,
			refitOfId: true,
			dataset: { select: { id: true, name: true } },
			experiment: { select: { id: true, name: true } },
		},
	},
} as const satisfies Prisma.CheckpointInclude;
type CheckpointRow = Prisma.CheckpointGetPayload<{ include: typeof checkpointInclude }>;

export const checkpointView = ({
	run: { refitOfId: vouchedBy, ...run },
	bytes,
	createdAt,
	key: _key,
	...rest
}: CheckpointRow): Static<typeof CheckpointView> => ({
	...rest,
	...run,
	vouchedBy,
	bytes: Number(bytes),
	createdAt: createdAt.toISOString(),
});

/** Metrics of each run's best epoch, in one query. */
export async function bestMetrics(
	prisma: Prisma.TransactionClient,
	runIds: string[],
): Promise<Map<string, BestMetrics>> {
	const rows = await prisma.$queryRaw<{ run_id: string; name: string; value: number }[]>`
		SELECT m.run_id, m.split || '.' || m.name AS name, m.value FROM metrics m JOIN runs r ON r.id = m.run_id
		WHERE m.run_id = ANY(${runIds}::uuid[]) AND m.epoch = r.best_epoch`;
	const byRun = new Map<string, BestMetrics>(runIds.map((id) => [id, {}]));
	for (const { run_id, name, value } of rows) (byRun.get(run_id) as BestMetrics)[name] = value;
	return byRun;
}
