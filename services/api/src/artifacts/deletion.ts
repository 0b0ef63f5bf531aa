// What a delete forgets: the rows of experiments and datasets, once nothing holds them back; what does is named. Every
// function returns the keys of the artifacts that the rows named, for app.removals.
import type { FastifyInstance } from "fastify";
import { datasetKey, FAILED_IMPORT, uploadKeys } from "../datasets/dataset-store.js";
import { valuesKey } from "../experiments/user-values.js";
import type { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { FINAL_STATES, isFinal } from "../plugins/jobs.js";
import type { Transaction } from "../plugins/prisma.js";
import { exportKey } from "./export-store.js";

const MOST_NAMED = 5;
/** Imports forgotten in one round of the sweeper. */
const AT_ONCE = 100;

/** "a", "b" and 3 more */
export function listed(names: string[]): string {
	const shown = names.slice(0, MOST_NAMED).map((name) => JSON.stringify(name));
	const more = names.length - shown.length;
	if (more > 0) return `${shown.join(", ")} and ${more} more`;
	return [shown.slice(0, -1).join(", "), shown.at(-1)].filter(Boolean).join(" and ");
}

/** Throws not_found, or conflict while their work is open or a checkpoint of theirs is served. */
export async function forgetExperiments(tx: Transaction, ids: string[]): Promise<string[]> {
	await lock(tx, ids);
	const experiments = await tx.experiment.findMany({ where: { id: { in: ids } }, select: { id: true } });
	if (experiments.length < ids.length) throw new ApiError("not_found", "There is no experiment with this id.");
	await refuseOpen(tx, ids);
	await refuseExporting(tx, ids);
	await refuseComparing(tx, { runs: { some: { run: { experimentId: { in: ids } } } } });
	await refuseServed(tx, ids);
	await refuseRefreshing(tx, { experimentId: { in: ids } });
	const those = { experimentId: { in: ids } };
	const runs = await tx.run.findMany({ where: those, select: { id: true } });
	const evaluations = await tx.evaluation.findMany({ where: { run: those }, select: { id: true } });
	// They name its users and items.
	const exports = await tx.export.findMany({ where: { run: those }, select: { id: true } });
	await tx.idempotencyKey.deleteMany({ where: { location: { in: await locations(tx, ids) } } });
	// The answer to a confirmation leads to another experiment, and names a refit of this one.
	const searches = await tx.search.findMany({ where: { experimentId: { in: ids } }, select: { id: true } });
	const confirming = searches.map(({ id }) => ({ id: { startsWith: `POST /searches/${id}/confirm ` } }));
	await tx.idempotencyKey.deleteMany({ where: { OR: confirming } });
	// Rows hang on their jobs, so the jobs take them along.
	await tx.job.deleteMany({
		where: { OR: [{ run: those }, { evaluation: { run: those } }, { export: { run: those } }] },
	});
	await tx.experiment.deleteMany({ where: { id: { in: ids } } });
	return [
		...runs.map(({ id }) => `runs/${id}`),
		...[...runs, ...evaluations].map(({ id }) => valuesKey(id)),
		...exports.map(({ id }) => exportKey(id)),
	];
}

/**
 * Whoever deploys, evaluates or exports a checkpoint of theirs meanwhile waits, and then finds it gone. Checkpoints before runs, as
 * the worker and the foreign keys of an evaluation or an export take them.
 */
async function lock(tx: Transaction, ids: string[]): Promise<void> {
	await tx.$executeRaw`SELECT 1 FROM experiments WHERE id = ANY(${ids}::uuid[]) ORDER BY id FOR UPDATE`;
	await tx.$executeRaw`
		SELECT 1 FROM checkpoints c JOIN runs r ON r.id = c.run_id WHERE r.experiment_id = ANY(${ids}::uuid[]) ORDER BY c.id FOR UPDATE OF c`;
	await tx.$executeRaw`SELECT 1 FROM runs WHERE experiment_id = ANY(${ids}::uuid[]) ORDER BY id FOR UPDATE`;
}

async function refuseOpen(tx: Transaction, ids: string[]): Promise<void> {
	const job = { state: { notIn: FINAL_STATES } };
	const experiment = { select: { name: true } };
	const runs = await tx.run.findMany({ where: { experimentId: { in: ids }, job }, select: { experiment } });
	const evaluations = await tx.evaluation.findMany({
		where: { run: { experimentId: { in: ids } }, job },
		select: { run: { select: { experiment } } },
	});
	const names = [...runs, ...evaluations.map(({ run }) => run)].map((run) => run.experiment.name);
	if (names.length === 0) return;
	const which = names.length === 1 ? "1 run or evaluation" : `${names.length} runs and evaluations`;
	const verb = names.length === 1 ? "is" : "are";
	throw new ApiError(
		"conflict",
		`${which} of ${listed([...new Set(names)])} ${verb} not final; cancel the experiment first.`,
	);
}

async function refuseExporting(tx: Transaction, ids: string[]): Promise<void> {
	const open = await tx.export.findMany({
		where: { run: { experimentId: { in: ids } }, job: { state: { notIn: FINAL_STATES } } },
		select: { deploymentName: true },
	});
	if (open.length === 0) return;
	const names = listed([...new Set(open.map(({ deploymentName }) => deploymentName))]);
	const are = open.length === 1 ? "1 export is" : `${open.length} exports are`;
	throw new ApiError("conflict", `${are} not final: of the deployment ${names}. Cancel what is under way first.`);
}

async function refuseComparing(tx: Transaction, whose: Prisma.ComparisonWhereInput): Promise<void> {
	const open = await tx.comparison.findMany({
		where: { ...whose, job: { state: { notIn: FINAL_STATES } } },
		select: { name: true },
	});
	if (open.length === 0) return;
	const are = open.length === 1 ? "1 comparison is" : `${open.length} comparisons are`;
	const names = listed(open.map(({ name }) => name));
	throw new ApiError("conflict", `${are} not final: ${names}. Cancel what is under way first.`);
}

async function refuseRefreshing(tx: Transaction, whose: Prisma.RefreshWhereInput): Promise<void> {
	const open = await tx.refresh.findFirst({
		where: { ...whose, job: { state: { notIn: FINAL_STATES } } },
		select: { deploymentName: true },
	});
	if (!open) return;
	const name = JSON.stringify(open.deploymentName);
	throw new ApiError("conflict", `A refresh of the deployment ${name} is open; cancel it first.`);
}

async function refuseServed(tx: Transaction, ids: string[]): Promise<void> {
	const serving = await tx.deployment.findMany({
		where: { checkpoint: { run: { experimentId: { in: ids } } } },
		select: { name: true, checkpoint: { select: { run: { select: { experiment: { select: { name: true } } } } } } },
		orderBy: { name: "asc" },
	});
	if (serving.length === 0) return;
	const experiments = [...new Set(serving.map(({ checkpoint }) => checkpoint.run.experiment.name))];
	const names = listed(serving.map(({ name }) => name));
	throw new ApiError(
		"conflict",
		`What ${listed(experiments)} has trained is served as ${names}; deploy something else there, or delete the deployment, first.`,
	);
}

/** Where the first answers to launches led: they must not be given again for what is gone. */
async function locations(tx: Transaction, ids: string[]): Promise<string[]> {
	const where = { run: { experimentId: { in: ids } } };
	const select = { id: true };
	const evaluations = await tx.evaluation.findMany({ where, select });
	const exports = await tx.export.findMany({ where, select });
	return [
		...ids.map((id) => `/experiments/${id}`),
		...evaluations.map(({ id }) => `/evaluations/${id}`),
		...exports.map(({ id }) => `/exports/${id}`),
	];
}

/**
 * Throws not_found, or conflict while it is imported, while experiments are on it that are not to go along, and whatever
 * holds those back that are.
 */
export async function forgetDataset(tx: Transaction, id: string, withExperiments: boolean): Promise<string[]> {
	// The job first, as who imports it again takes them; whoever launches on it meanwhile waits, and then finds it gone.
	await tx.$executeRaw`SELECT 1 FROM jobs WHERE id = ${id}::uuid FOR UPDATE`;
	await tx.$executeRaw`SELECT 1 FROM datasets WHERE id = ${id}::uuid FOR UPDATE`;
	const row = await tx.dataset.findUnique({
		where: { id },
		include: {
			job: true,
			experiments: { select: { id: true, name: true }, orderBy: [{ createdAt: "desc" }, { id: "desc" }] },
		},
	});
	if (!row) throw new ApiError("not_found", "There is no dataset with this id.");
	if (!isFinal(row.job.state)) throw new ApiError("conflict", `Its import is ${row.job.state}; cancel it first.`);
	const measuring = await evaluationsOn(tx, id);
	await refuseComparing(tx, { datasetId: id });
	await refuseRefreshing(tx, { datasetId: id });
	const { experiments } = row;
	if (experiments.length > 0 && !withExperiments) {
		const names = listed(experiments.map(({ name }) => name));
		const those = experiments.length === 1 ? "1 experiment is on it" : `${experiments.length} experiments are on it`;
		const them = experiments.length === 1 ? "that" : "those";
		throw new ApiError("conflict", `${those}: ${names}. Delete ${them} first, or ask for withExperiments=true.`);
	}
	const ids = experiments.map((experiment) => experiment.id);
	const keys = ids.length > 0 ? await forgetExperiments(tx, ids) : [];
	// They name its users.
	const comparisons = await tx.comparison.findMany({ where: { datasetId: id }, select: { id: true } });
	const comparing = comparisons.map((comparison) => comparison.id);
	const gone = [
		`/datasets/${id}`,
		...measuring.map((evaluation) => `/evaluations/${evaluation}`),
		...comparing.map((comparison) => `/comparisons/${comparison}`),
	];
	await tx.idempotencyKey.deleteMany({ where: { location: { in: gone } } });
	await tx.job.deleteMany({ where: { id: { in: [...measuring, ...comparing, id] } } });
	return [...keys, ...measuring.map(valuesKey), ...uploadKeys(row.files), row.artifactKey ?? datasetKey(row.digest)];
}

/** Evaluations of other datasets' checkpoints on it, which go along. Throws conflict while one is open. */
async function evaluationsOn(tx: Transaction, datasetId: string): Promise<string[]> {
	const found = await tx.evaluation.findMany({
		where: { datasetId },
		select: { id: true, job: { select: { state: true } } },
	});
	const open = found.filter(({ job }) => !isFinal(job.state)).length;
	if (open > 0) {
		const are = open === 1 ? "1 evaluation is" : `${open} evaluations are`;
		throw new ApiError("conflict", `${are} measuring on it; cancel what is under way first.`);
	}
	return found.map(({ id }) => id);
}

/** Failed and cancelled imports that nobody has asked for again in time, with their staged files. */
export async function forgetStaleImports(app: FastifyInstance): Promise<void> {
	const before = new Date(Date.now() - app.config.timings.failedImportKept);
	const stale = await app.prisma.dataset.findMany({
		where: { ...FAILED_IMPORT, experiments: { none: {} }, job: { ...FAILED_IMPORT.job, finishedAt: { lt: before } } },
		select: { id: true },
		take: AT_ONCE,
	});
	for (const { id } of stale) {
		await app.removals.forget(async (tx) => {
			// Again under the lock: it may have been imported again meanwhile.
			const still = await tx.$executeRaw`
				SELECT 1 FROM jobs WHERE id = ${id}::uuid AND state IN ('FAILED', 'CANCELLED') AND finished_at < ${before} FOR UPDATE`;
			return still === 0 ? [] : forgetDataset(tx, id, false);
		}, "An experiment on it has just been launched.");
	}
}
