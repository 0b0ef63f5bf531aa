// What an ended refresh leaves: jobs that nobody waits for any more are cancelled, and old snapshots and experiments are forgotten.
import type { FastifyInstance } from "fastify";
import { forgetDataset, forgetExperiments } from "../artifacts/deletion.js";
import { ApiError } from "../http/errors.js";
import { FINAL_STATES } from "../plugins/jobs.js";
import type { Transaction } from "../plugins/prisma.js";
import { earlierCheckpoint } from "../serving/switch.js";
import type { RefreshSpec } from "./rule.js";

/** Of refreshes that failed or were cancelled, whoever saw it. What a person starts in their experiments afterwards goes on. */
export async function cancelJobs(app: FastifyInstance): Promise<void> {
	const open = await app.prisma.$queryRaw<{ id: string }[]>`
		WITH ended AS (SELECT r.*, coalesce(j.finished_at, j.cancel_requested_at) AS at FROM refreshes r JOIN jobs j ON j.id = r.id
			WHERE j.state IN ('FAILED', 'CANCELLED') OR (j.state = 'RUNNING' AND j.cancel_requested_at IS NOT NULL)),
		theirs AS (SELECT dataset_id AS id, at FROM ended WHERE made_dataset
			UNION SELECT evaluation_id, at FROM ended
			UNION SELECT runs.id, at FROM ended JOIN runs ON runs.experiment_id = ended.experiment_id)
		SELECT DISTINCT j.id FROM jobs j JOIN theirs ON theirs.id = j.id AND j.created_at <= theirs.at
		WHERE j.state IN ('QUEUED', 'RUNNING') AND j.cancel_requested_at IS NULL
			AND NOT EXISTS (SELECT 1 FROM refreshes r JOIN jobs k ON k.id = r.id WHERE r.dataset_id = j.id
				AND k.state IN ('QUEUED', 'RUNNING') AND k.cancel_requested_at IS NULL)`;
	for (const { id } of open) await app.jobs.requestCancel(id);
}

/** Deletes snapshots and experiments of all but the latest refreshes of a deployment, where nothing holds them back. */
export async function prune(app: FastifyInstance, deploymentName: string, spec: RefreshSpec): Promise<void> {
	const old = await app.prisma.refresh.findMany({
		where: {
			deploymentName,
			job: { state: { in: FINAL_STATES } },
			OR: [{ experimentId: { not: null } }, { datasetId: { not: null } }],
		},
		orderBy: [{ createdAt: "desc" }, { id: "desc" }],
		skip: spec.keep.refreshes,
		select: { experimentId: true, datasetId: true, dataset: { select: { experiments: { select: { id: true } } } } },
	});
	if (old.length === 0) return;
	const ids = old.map(({ experimentId }) => experimentId).filter((id) => id !== null);
	const held = new Set([...(await heldExperiments(app)), ...(await usedByPeople(app.prisma, ids))]);
	for (const { experimentId, datasetId, dataset } of old) {
		if (experimentId && held.has(experimentId)) continue;
		if (experimentId) await unlessHeld(app, (tx) => forgetExperiment(tx, experimentId));
		if (datasetId && !dataset?.experiments.some(({ id }) => id !== experimentId))
			await unlessHeld(app, (tx) => forgetSnapshot(tx, deploymentName, datasetId, spec.keep.refreshes));
	}
}

/** Whose checkpoints are served, or would be by a rollback: without taking a lock. What changes meanwhile is seen again under one. */
async function heldExperiments(app: FastifyInstance): Promise<Set<string>> {
	const deployments = await app.prisma.deployment.findMany({ select: { name: true, checkpointId: true } });
	const earlier: (string | null)[] = [];
	for (const { name } of deployments) earlier.push(await earlierCheckpoint(app.prisma, name));
	const ids = [...deployments.map(({ checkpointId }) => checkpointId), ...earlier.filter((id) => id !== null)];
	const rows = await app.prisma.checkpoint.findMany({
		where: { id: { in: ids } },
		select: { run: { select: { experimentId: true } } },
	});
	return new Set(rows.map(({ run }) => run.experimentId));
}

/** In which people made something of their own: an export with its file, an evaluation, a refit, a comparison; also while it is made. */
async function usedByPeople(tx: Transaction, ids: string[]): Promise<string[]> {
	const found = await tx.$queryRaw<{ id: string }[]>`
		SELECT DISTINCT r.experiment_id AS id FROM runs r WHERE r.experiment_id = ANY(${ids}::uuid[]) AND EXISTS (
			SELECT 1 FROM jobs j WHERE j.state NOT IN ('FAILED', 'CANCELLED') AND (
				j.id IN (SELECT id FROM exports WHERE run_id = r.id AND (artifact_key IS NOT NULL OR j.state <> 'SUCCEEDED'))
				OR j.id IN (SELECT id FROM evaluations e WHERE run_id = r.id
					AND NOT EXISTS (SELECT 1 FROM refreshes WHERE evaluation_id = e.id))
				OR j.id IN (SELECT comparison_id FROM comparison_runs WHERE run_id = r.id)
				OR (j.id = r.id AND r.refit_of_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM refreshes WHERE refit_run_id = r.id))))`;
	return found.map(({ id }) => id);
}

/** Of every rule. */
export async function pruneAll(app: FastifyInstance): Promise<void> {
	const rules = await app.prisma.refreshRule.findMany();
	for (const { deploymentName, spec } of rules) await prune(app, deploymentName, spec as RefreshSpec);
}

/** What is served, exported or open holds it back. */
async function unlessHeld(app: FastifyInstance, rows: (tx: Transaction) => Promise<string[]>): Promise<void> {
	await app.removals.forget(rows, "It has just been taken into use.").catch((error) => {
		if (!(error instanceof ApiError)) throw error;
	});
}

async function forgetExperiment(tx: Transaction, id: string): Promise<string[]> {
	// Whoever deploys meanwhile waits for this, or is seen by it.
	const names = await tx.$queryRaw<{ name: string }[]>`SELECT name FROM deployments ORDER BY name FOR SHARE`;
	for (const { name } of names) {
		const checkpointId = await earlierCheckpoint(tx, name);
		const isOfIt = { id: checkpointId ?? undefined, run: { experimentId: id } };
		if (checkpointId && (await tx.checkpoint.count({ where: isOfIt })) > 0) return [];
	}
	if ((await usedByPeople(tx, [id])).length > 0) return [];
	return forgetExperiments(tx, [id]);
}

/** Only one that a refresh has made, that no experiment, no evaluation of a person and no comparison is on and none of the latest refreshes names. */
async function forgetSnapshot(tx: Transaction, deploymentName: string, id: string, keep: number): Promise<string[]> {
	const latest = await tx.refresh.findMany({
		where: { deploymentName, OR: [{ experimentId: { not: null } }, { datasetId: { not: null } }] },
		orderBy: [{ createdAt: "desc" }, { id: "desc" }],
		take: keep,
		select: { datasetId: true },
	});
	const naming = await tx.refresh.findMany({ where: { datasetId: id }, include: { job: true } });
	const isOurs = naming.some(({ madeDataset }) => madeDataset);
	const isOthers = naming.some((one) => one.deploymentName !== deploymentName);
	const isMeasuredOn = (await tx.evaluation.count({ where: { datasetId: id, refreshes: { none: {} } } })) > 0;
	const isComparedOn = (await tx.comparison.count({ where: { datasetId: id } })) > 0;
	if (!isOurs || isOthers || isMeasuredOn || isComparedOn || latest.some(({ datasetId }) => datasetId === id))
		return [];
	const keys = await forgetDataset(tx, id, false);
	// What people asked to be kept is about the deployment, and goes with the dataset that is served now.
	await tx.$executeRaw`
		UPDATE steering s SET dataset_id = r.dataset_id FROM deployments d JOIN checkpoints c ON c.id = d.checkpoint_id
			JOIN runs r ON r.id = c.run_id WHERE d.name = s.deployment_name AND s.dataset_id = ${id}::uuid`;
	return keys;
}
