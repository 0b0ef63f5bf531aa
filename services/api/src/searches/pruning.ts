// Trials that fall behind are stopped: asynchronous successive halving over all trials of a search, whatever worker has them.
import type { FastifyInstance } from "fastify";
import { RemoteError } from "../grpc.js";
import { appendEvent, type Claim, guarded } from "../plugins/jobs.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import { PRUNED } from "./trial-state.js";
import { proposedTrials } from "./trials.js";

/** Of those that come to a rung a third goes on. */
const FACTOR = 3;
/** Before it a trial shows how fast it begins, not how far it comes. */
const EARLIEST_RUNG = 3;
/**
 * So that there are two: of 300 epochs 34 and 102, about where early stopping ends a training of a usual speed. With more of them, earlier
 * ones, what learns slowly and comes furthest falls out in most searches (test/contract/pruning.test.ts).
 */
const FIRST_RUNG_OF = FACTOR ** 2;

export const halvingOf = (maxEpochs: number) => ({
	leastEpochs: Math.max(EARLIEST_RUNG, Math.ceil(maxEpochs / FIRST_RUNG_OF)),
	factor: FACTOR,
});

/** Whether something is decided after this epoch. After the last one the training is over anyway. */
export function isRung(epoch: number, maxEpochs: number): boolean {
	if (epoch >= maxEpochs) return false;
	let rung = halvingOf(maxEpochs).leastEpochs;
	while (rung < epoch) rung *= FACTOR;
	return rung === epoch;
}

/** A trial that may fall out. */
export interface Prunable {
	searchId: string;
	number: number;
}

/** Null of runs that never are pruned. It stays as it is, so that an attempt asks once. */
export async function prunableOf(app: FastifyInstance, { id }: Claim): Promise<Prunable | null> {
	const run = await app.prisma.run.findUniqueOrThrow({
		where: { id },
		include: { search: { select: { prune: true } } },
	});
	const { search, searchId, trial } = run;
	return search?.prune && searchId !== null && trial !== null ? { searchId, number: trial } : null;
}

/**
 * Whether the run is over because it fell out at the epoch that it has committed last; then its job has ended. Asked after each epoch and
 * again by each attempt before it goes on, so that a crash between the judgement and the end changes nothing.
 */
export async function isPruned(app: FastifyInstance, claim: Claim, { searchId, number }: Prunable): Promise<boolean> {
	const { epoch, maxEpochs } = await app.prisma.run.findUniqueOrThrow({
		where: { id: claim.id },
		select: { epoch: true, maxEpochs: true },
	});
	if (maxEpochs === null || !isRung(epoch, maxEpochs)) return false;
	const trials = await app.prisma.$transaction((tx) => proposedTrials(tx, searchId), AT_ONE_MOMENT);
	const halving = halvingOf(maxEpochs);
	const judgement = await app.trainer.judgeTrial({ trials, number, halving }).catch((error) => {
		if (!(error instanceof RemoteError) || error.code !== "timeout") throw error;
		// Training longer than needed does no harm; failing would.
		app.log.warn({ runId: claim.id, epoch }, "a trial was not judged in time, and goes on");
		return { prune: false, rung: 0 };
	});
	if (judgement.prune) await app.persist(() => end(app, claim, judgement.rung));
	return judgement.prune;
}

const end = (app: FastifyInstance, claim: Claim, rung: number) =>
	guarded(app, claim, async (tx) => {
		// Of all attempts together.
		const [spent] = await tx.$queryRaw<{ seconds: number | null }[]>`
			SELECT sum((data->>'seconds')::float8) AS seconds FROM job_events WHERE job_id = ${claim.id}::uuid AND type = 'epoch'`;
		const trainSeconds = spent?.seconds ?? null;
		await tx.run.update({ where: { id: claim.id }, data: { stopReason: PRUNED, trainSeconds, secondsLeft: 0 } });
		const message = `pruned at epoch ${rung}: not among the best third of the trials that have come there`;
		await appendEvent(tx, claim.id, "log", { level: "info", message });
		await app.jobs.end(tx, claim, "SUCCEEDED");
	});
