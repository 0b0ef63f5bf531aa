// The numbers of a refresh, as its runs and its evaluation have left them.
import type { FastifyInstance } from "fastify";
import { PROTOCOL } from "../experiments/protocol.js";
import type { Checkpoint, Experiment, Run } from "../generated/prisma/client.js";
import { IS_PRUNED } from "../searches/trial-state.js";
import { finite } from "../views/job.js";
import { bestMetrics } from "../views/run.js";
import { judge } from "./gate.js";
import { BASELINE, type RefreshSpec } from "./rule.js";
import type { Verdict } from "./verdict.js";

interface Measured {
	run: Run & { experiment: Experiment };
	/** Null once it is removed. */
	checkpoint: Checkpoint | null;
}

/**
 * What speaks for a checkpoint: of a refit, which has learnt from what it would be measured on, the run that vouches for it.
 */
async function measuredFor(app: FastifyInstance, checkpointId: string): Promise<Measured | null> {
	const vouches = { include: { experiment: true, checkpoints: { where: { isBest: true } } } };
	const include = { run: { include: { experiment: true, refitOf: vouches } } };
	const served = await app.prisma.checkpoint.findUnique({ where: { id: checkpointId }, include });
	if (!served) return null;
	const vouching = served.run.refitOf;
	const [best] = vouching?.checkpoints ?? [];
	if (vouching) return { run: vouching, checkpoint: best ?? null };
	return { run: served.run, checkpoint: served };
}

/** recall@20 → recall, 20 */
function measureOf({ gate }: RefreshSpec): { name: string; cutoff: number } {
	const [name = "", cutoff] = gate.metric.split("@");
	return { name, cutoff: Number(cutoff) };
}
/** Whether the test of its run is of this checkpoint and has the metric under the protocol of candidates. */
function isTested({ run, checkpoint }: Measured, { spec }: Asked): boolean {
	const { maskTest, metrics, cutoffs } = run.experiment;
	const { name, cutoff } = measureOf(spec);
	return (
		maskTest === PROTOCOL.maskTest &&
		metrics.includes(name) &&
		cutoffs.includes(cutoff) &&
		(checkpoint === null || checkpoint.epoch === run.bestEpoch)
	);
}

/** What has to be measured before the verdict: on the new snapshot, or on its own dataset; null where a test is there already. */
export async function toMeasure(app: FastifyInstance, asked: Asked) {
	const measured = asked.previousCheckpointId ? await measuredFor(app, asked.previousCheckpointId) : null;
	if (!measured?.checkpoint) return null;
	const { run, checkpoint } = measured;
	const which = { runId: run.id, checkpoint: checkpoint.id };
	if (run.datasetId !== asked.datasetId) {
		// Only models with fold_in can answer for people of another dataset.
		if (asked.datasetId && (await canFoldIn(app, run.model))) return { ...which, dataset: asked.datasetId };
		if (await newestAlike(app, asked, run)) return null;
	}
	return isTested(measured, asked) ? null : which;
}

/** The newest run with the configuration, of another snapshot of the feed by the same rule, tested under the protocol of candidates. */
async function newestAlike(app: FastifyInstance, asked: Asked, { configHash, seed }: Run): Promise<string | null> {
	const { name, cutoff } = measureOf(asked.spec);
	const [found] = await app.prisma.$queryRaw<{ id: string }[]>`
		SELECT r.id FROM runs r JOIN jobs j ON j.id = r.id JOIN experiments e ON e.id = r.experiment_id
			JOIN datasets d ON d.id = r.dataset_id JOIN datasets snapshot ON snapshot.id = ${asked.datasetId}::uuid
		WHERE r.config_hash = ${configHash} AND r.refit_of_id IS NULL AND j.state = 'SUCCEEDED' AND NOT ${IS_PRUNED}
			AND e.id IS DISTINCT FROM ${asked.experimentId}::uuid AND d.feed ->> 'name' = ${asked.spec.feed} AND d.rule = snapshot.rule
			AND e.mask_test = ${PROTOCOL.maskTest} AND ${name} = ANY(e.metrics) AND ${cutoff}::int = ANY(e.cutoffs)
		ORDER BY e.created_at DESC, e.id DESC, r.seed = ${seed} DESC, r.position LIMIT 1`;
	return found?.id ?? null;
}

async function canFoldIn(app: FastifyInstance, model: string): Promise<boolean> {
	const models = await app.catalogue.models();
	return models.find(({ name }) => name === model)?.capabilities.includes("fold_in") ?? false;
}

interface Asked {
	spec: RefreshSpec;
	experimentId: string | null;
	datasetId: string | null;
	previousCheckpointId: string | null;
	evaluationId: string | null;
}

/** Everything side by side, and what the gate says. */
export async function verdictOf(app: FastifyInstance, asked: Asked): Promise<Verdict> {
	const { metric } = asked.spec.gate;
	const runs = await app.prisma.run.findMany({
		where: { experimentId: asked.experimentId ?? undefined, refitOfId: null },
		orderBy: { position: "asc" },
	});
	const metrics = await bestMetrics(
		app.prisma,
		runs.map(({ id }) => id),
	);
	const tested = (id: string) => finite(metrics.get(id)?.[`test.${metric}`]);
	const seeds = runs
		.filter(({ model }) => model !== BASELINE)
		.map(({ id, seed, bestValue }) => ({ runId: id, seed, value: tested(id), valid: finite(bestValue) }));
	const best = seeds.toSorted((a, b) => (b.valid ?? -1) - (a.valid ?? -1))[0];
	const popular = runs.find(({ model }) => model === BASELINE);
	if (!best || !popular) throw new Error("the experiment of a refresh has lost runs");
	const candidate = mean(seeds.map(({ value }) => value));
	const popularity = { runId: popular.id, value: tested(popular.id) };
	const { deployed, unknown } = await deployedOf(app, asked, metric);
	const numbers = { candidate, popularity: popularity.value, deployed: deployed ? deployed.value : undefined, unknown };
	return {
		metric,
		candidate: {
			value: candidate,
			runId: best.runId,
			seeds: seeds.map(({ valid: _valid, ...one }) => one),
		},
		popularity,
		deployed,
		...judge(asked.spec.gate, numbers),
	};
}

async function deployedOf(
	app: FastifyInstance,
	asked: Asked,
	metric: string,
): Promise<{ deployed: Verdict["deployed"]; unknown?: string }> {
	const { datasetId, previousCheckpointId, evaluationId } = asked;
	const measured = previousCheckpointId && (await measuredFor(app, previousCheckpointId));
	if (!measured) return { deployed: null };
	const { run } = measured;
	const about = { checkpointId: previousCheckpointId, runId: run.id, model: run.model };
	const whose = (id: string | null) => (id === datasetId ? ("snapshot" as const) : ("own" as const));
	const evaluation = evaluationId && (await app.prisma.evaluation.findUnique({ where: { id: evaluationId } }));
	if (evaluation) {
		const { learntFrom, unknownItems } = evaluation;
		const values = evaluation.metrics as Record<string, number | null> | null;
		const on = whose(evaluation.datasetId ?? run.datasetId);
		return { deployed: { ...about, value: finite(values?.[metric]), on, learntFrom, unknownItems } };
	}
	const alike = run.datasetId === datasetId ? null : await newestAlike(app, asked, run);
	const runId = alike ?? run.id;
	const values = (await bestMetrics(app.prisma, [runId])).get(runId);
	const isComparable = alike !== null || isTested(measured, asked);
	const value = isComparable ? finite(values?.[`test.${metric}`]) : null;
	const deployed = { ...about, runId, value, on: whose(run.datasetId), learntFrom: null, unknownItems: null };
	if (isComparable) return { deployed };
	const { maskTest, metrics, cutoffs } = run.experiment;
	const rule = `maskTest ${maskTest}, metrics ${metrics.join(", ")}, cutoffs ${cutoffs.join(", ")}`;
	const how = `its test was of another epoch or under another protocol (${rule})`;
	return { deployed, unknown: `${how}, and it has not been measured again` };
}

/** Null where one is missing: a mean over the others would be of something else. */
function mean(values: (number | null)[]): number | null {
	const known = values.filter((value) => value !== null);
	return known.length < values.length || known.length === 0
		? null
		: known.reduce((sum, value) => sum + value, 0) / known.length;
}
