// A refit: the configuration and seed of a tested run once more, on all of its dataset's interactions, for as many steps as its best epoch
// had taken. It is a run beside the one that vouches for it, in the same experiment, and in none of its comparisons.
import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import type { Transaction } from "../plugins/prisma.js";
import { IS_PRUNED, PRUNED } from "../searches/trial-state.js";
import { enqueueRuns } from "./enqueue.js";

interface Made {
	id: string;
	/** False: it was there before. */
	isNew: boolean;
}

/**
 * The refit of a run: the one that is under way or done, or else a new one, so that asking twice makes no second. `note` is in the
 * transaction that makes it. Throws not_found, or conflict where there is nothing to refit.
 */
export async function refit(
	app: FastifyInstance,
	runId: string,
	note: (tx: Transaction, id: string) => Promise<void> = async () => undefined,
): Promise<Made> {
	const run = await app.prisma.run.findUnique({ where: { id: runId }, select: { experimentId: true } });
	if (!run) throw missing();
	const made = await app.prisma.$transaction(async (tx) => {
		await holdExperiment(tx, run.experimentId);
		const made = await refitWithin(app, tx, runId);
		await note(tx, made.id);
		return made;
	});
	if (made.isNew) await enqueueRuns(app, [made.id]);
	return made;
}

/** Of an experiment that asked for it, once all of its runs have ended. */
async function refitBest(app: FastifyInstance, experimentId: string): Promise<void> {
	const made = await app.prisma.$transaction(async (tx) => {
		await holdExperiment(tx, experimentId);
		const [best] = await tx.$queryRaw<Due[]>`SELECT * FROM (${DUE}) due WHERE experiment_id = ${experimentId}::uuid`;
		return best ? refitWithin(app, tx, best.id) : null;
	});
	if (!made) return;
	app.log.info({ experimentId, runId: made.id }, "the best run is refit");
	await enqueueRuns(app, [made.id]);
}

/** After the end of a run. Never throws: what cannot be done now is left to the sweeper. */
export async function refitAfter(app: FastifyInstance, runId: string): Promise<void> {
	try {
		const run = await app.prisma.run.findUnique({ where: { id: runId }, include: { experiment: true } });
		if (run?.experiment.refit) await refitBest(app, run.experimentId);
	} catch (err) {
		app.log.warn({ err, runId }, "a refit waits for the sweeper");
	}
}

/** What no end of a run has seen to: its worker died, or nobody had it when it was cancelled or given up. */
export async function refitWhatIsDue(app: FastifyInstance): Promise<void> {
	for (const { experiment_id: experimentId } of await app.prisma.$queryRaw<Due[]>`${DUE}`) {
		// One that cannot be refit holds up no other.
		await refitBest(app, experimentId).catch((err) => app.log.warn({ err, experimentId }, "is not refit"));
	}
}

/** Whether its best run is still to be refit by itself. */
export async function isDue(app: FastifyInstance, experimentId: string): Promise<boolean> {
	const due = await app.prisma.$queryRaw<Due[]>`SELECT * FROM (${DUE}) due WHERE experiment_id = ${experimentId}::uuid`;
	return due.length > 0;
}

interface Due {
	id: string;
	experiment_id: string;
}
/**
 * The best run of each experiment that is to be refit and has ended, unless it has been: by validation, the first of equals. Whatever
 * became of that refit (a person may have cancelled it), there is no other by itself.
 */
const DUE = Prisma.sql`
	SELECT * FROM (
		SELECT DISTINCT ON (r.experiment_id) r.id, r.experiment_id
		FROM experiments e JOIN runs r ON r.experiment_id = e.id JOIN jobs j ON j.id = r.id
		WHERE e.refit AND r.refit_of_id IS NULL AND j.state = 'SUCCEEDED' AND r.best_epoch IS NOT NULL AND NOT ${IS_PRUNED}
			AND NOT EXISTS (SELECT 1 FROM runs o JOIN jobs k ON k.id = o.id
				WHERE o.experiment_id = e.id AND o.refit_of_id IS NULL AND k.state IN ('QUEUED', 'RUNNING'))
		ORDER BY r.experiment_id, nullif(r.best_value, 'NaN') DESC NULLS LAST, r.position
	) best WHERE NOT EXISTS (SELECT 1 FROM runs f WHERE f.refit_of_id = best.id)`;

/** One refit of an experiment at a time is made: no run gets two, no two get one position, and who deletes the experiment waits. */
export async function holdExperiment(tx: Transaction, experimentId: string): Promise<void> {
	await tx.$executeRaw`SELECT 1 FROM experiments WHERE id = ${experimentId}::uuid FOR NO KEY UPDATE`;
}

/** The same in a transaction that holds the experiment; to be followed by `enqueueRuns` once it is committed, where it is new. */
export async function refitWithin(app: FastifyInstance, tx: Transaction, runId: string): Promise<Made> {
	const run = await tx.run.findUnique({
		where: { id: runId },
		include: {
			job: true,
			dataset: true,
			refits: { where: { job: { state: { in: ["QUEUED", "RUNNING", "SUCCEEDED"] } } }, orderBy: { position: "desc" } },
		},
	});
	if (!run) throw missing();
	if (run.refitOfId) throw new ApiError("conflict", "The run is a refit itself; it has learnt from everything.");
	if (run.job.state !== "SUCCEEDED") {
		throw new ApiError("conflict", `The run is ${run.job.state}; what is refit has SUCCEEDED, so that it can vouch.`);
	}
	if (run.stopReason === PRUNED) {
		throw new ApiError("conflict", "The run is a trial that was pruned; it was not tested, so it cannot vouch.");
	}
	if (run.bestEpoch === null) {
		throw new ApiError("conflict", "The run has no best epoch, so nothing says for how long to train.");
	}
	if (leavesNothingOut(run.dataset.statistics)) {
		throw new ApiError("conflict", "The run has learnt from all of its dataset; there is nothing to add.");
	}
	const [known] = run.refits;
	if (known) return { id: known.id, isNew: false };
	const id = randomUUID();
	const { experimentId, datasetId, model, config, configHash, seed, processes } = run;
	const { _max } = await tx.run.aggregate({ where: { experimentId }, _max: { position: true } });
	const position = (_max.position ?? 0) + 1;
	const same = {
		experimentId,
		datasetId,
		model,
		config: config as Prisma.InputJsonObject,
		configHash,
		seed,
		processes,
	};
	await app.jobs.create(tx, [id], "run", run.job.machineClass);
	await tx.run.create({ data: { ...same, id, position, refitOfId: runId } });
	return { id, isNew: true };
}

/** Whether a dataset has no validation and no test part, and nothing was too cold for them. Unknown before it is imported. */
export function leavesNothingOut(statistics: unknown): boolean {
	const { valid, test, coldDropped = 0 } = (statistics ?? {}) as Record<string, number | undefined>;
	return valid === 0 && test === 0 && coldDropped === 0;
}

const missing = () => new ApiError("not_found", "There is no run with this id.");
