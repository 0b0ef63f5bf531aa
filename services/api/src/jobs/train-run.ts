// Trains one run: resumes from the last committed checkpoint, commits every epoch, ends with the test metrics. A trial of a search first gets
// its configuration, and ends early where it falls behind. A machine that drains hands it over after the next epoch.
import type { FastifyInstance } from "fastify";
import fp from "fastify-plugin";
import { refitAfter } from "../experiments/refit.js";
import { leftByTest } from "../experiments/user-values.js";
import type {
	Metric,
	TrainEpoch,
	TrainFinished,
	TrainRequest,
	TrainStarted,
} from "../generated/proto/trainer/v1/trainer.js";
import { RemoteError } from "../grpc.js";
import { appendEvent, type Claim, guarded } from "../plugins/jobs.js";
import { chooseConfiguration } from "../searches/proposing.js";
import { isPruned, prunableOf } from "../searches/pruning.js";
import { tracing } from "../tracing.js";
import { HandOver, perform } from "./ownership.js";

const LOG_LINES_KEPT = 2_000;

export default fp(
	async (app) => {
		app.queue.work("run", app.config.runConcurrency, async (id, shutdown) => {
			await perform(app, id, shutdown, (claim, signal, heard) => trainRun(app, claim, signal, heard));
			await app.keep.afterRun(id);
			await refitAfter(app, id);
		});
	},
	{ name: "train-run", dependencies: ["queue", "jobs", "trainer", "removals", "keep", "catalogue", "machine"] },
);

async function trainRun(app: FastifyInstance, claim: Claim, signal: AbortSignal, heard: () => void): Promise<void> {
	await app.persist(() => chooseConfiguration(app, claim));
	for (;;) {
		try {
			return await attempt(app, claim, signal, heard);
		} catch (error) {
			const isUnusable =
				error instanceof RemoteError && ["checkpoint_corrupt", "checkpoint_missing"].includes(error.code);
			if (!isUnusable || !(await fallBack(app, claim))) throw error;
		}
	}
}

async function attempt(app: FastifyInstance, claim: Claim, signal: AbortSignal, heard: () => void): Promise<void> {
	const prunable = await app.persist(() => prunableOf(app, claim));
	if (prunable && (await app.persist(() => isPruned(app, claim, prunable)))) return;
	const request = await app.persist(() => requestOf(app, claim));
	let logged = 0;
	let finished = false;
	for await (const { event } of app.trainer.train(request, signal)) {
		heard();
		switch (event?.$case) {
			case "started":
				await app.persist(() => onStarted(app, claim, event.value));
				break;
			case "epoch":
				await app.removals.carryOut(
					await tracing().within("store epoch", { attributes: { epoch: event.value.epoch } }, () =>
						app.persist(() => onEpoch(app, claim, event.value)),
					),
				);
				if (prunable && (await app.persist(() => isPruned(app, claim, prunable)))) return;
				if (app.machine.isDraining) throw new HandOver("this machine drains");
				break;
			case "heartbeat": {
				const { epoch, epochFraction } = event.value;
				// Progress inside an epoch is for the eye; when the database is away the next one will do.
				await app.prisma.run
					.updateMany({
						where: { id: claim.id, epoch: epoch - 1, job: { lease: claim.lease, state: "RUNNING" } },
						data: { epochFraction },
					})
					.catch((err) => app.log.warn({ err }, "progress not stored"));
				break;
			}
			case "log":
				if (logged++ < LOG_LINES_KEPT) {
					await app.persist(() => guarded(app, claim, (tx) => appendEvent(tx, claim.id, "log", event.value)));
				}
				break;
			case "finished":
				await tracing().within("store result", {}, () => app.persist(() => onFinished(app, claim, event.value)));
				finished = true;
				break;
		}
	}
	if (!finished) throw new RemoteError("trainer_crashed", "the training ended without a result");
}

async function requestOf(app: FastifyInstance, claim: Claim): Promise<TrainRequest> {
	const run = await app.prisma.run.findUniqueOrThrow({
		where: { id: claim.id },
		include: { dataset: true, experiment: true, refitOf: true, checkpoints: { where: { isLast: true } } },
	});
	const { refitOf } = run;
	const { maskTest, cutoffs, metrics } = run.experiment;
	if (!run.dataset.artifactKey) throw new RemoteError("dataset_missing", "the dataset was never imported");
	const last = run.checkpoints[0];
	return {
		runId: run.id,
		lease: claim.lease,
		model: run.model,
		configJson: JSON.stringify(run.config),
		datasetKey: run.dataset.artifactKey,
		seed: run.seed,
		protocol: { maskTest, cutoffs, metrics },
		resumeFrom: last ? { key: last.key, sha256: last.sha256 } : undefined,
		device: app.config.device,
		refit: refitOf
			? { of: refitOf.id, epoch: refitOf.bestEpoch as number, steps: Number(refitOf.bestSteps ?? 0) }
			: undefined,
		processes: run.processes,
		// A run has its processes for good, so that its checkpoints are of as many.
		allowOtherWorldSize: false,
	};
}

const onStarted = (app: FastifyInstance, claim: Claim, started: TrainStarted) =>
	guarded(app, claim, async (tx) => {
		const { device, torchVersion, codeVersion, parameters, maxEpochs, resumedEpoch } = started;
		await tx.run.update({
			where: { id: claim.id },
			data: { device, torchVersion, codeVersion, parameters, maxEpochs },
		});
		await appendEvent(tx, claim.id, "started", { device, maxEpochs, resumedEpoch });
	});

const rows = (runId: string, epoch: number, metrics: Metric[]) =>
	metrics.map(({ split, name, value }) => ({ runId, epoch, split, name, value }));

/**
 * Metrics, checkpoint, progress and event in one transaction (docs/adr/0003); an epoch stored already is left alone.
 * Returns the keys of the checkpoints that it has forgotten.
 */
const onEpoch = (app: FastifyInstance, claim: Claim, end: TrainEpoch): Promise<string[]> =>
	guarded(app, claim, async (tx) => {
		const { epoch, metrics, checkpoint, seconds, secondsLeft, bestEpoch } = end;
		const bestValue = Number.isFinite(end.bestValue) ? end.bestValue : null;
		if (!checkpoint) throw new RemoteError("internal", "an epoch came without its checkpoint");
		const select = { epoch: true, furthestEpoch: true };
		const run = await tx.run.findUniqueOrThrow({ where: { id: claim.id }, select });
		if (run.epoch >= epoch) return []; // the commit went through although its answer was lost
		// One that is trained again, after going back to an earlier checkpoint, is no progress.
		if (epoch > run.furthestEpoch) await app.jobs.gotFurther(tx, claim);
		await tx.metric.createMany({ data: rows(claim.id, epoch, metrics) });
		const isBest = bestEpoch === epoch;
		await tx.checkpoint.updateMany({ where: { runId: claim.id, isLast: true }, data: { isLast: false } });
		if (isBest) await tx.checkpoint.updateMany({ where: { runId: claim.id, isBest: true }, data: { isBest: false } });
		const { key, sha256, bytes } = checkpoint;
		await tx.checkpoint.create({ data: { runId: claim.id, epoch, key, sha256, bytes, isBest, isLast: true } });
		const isSuperseded = { runId: claim.id, isLast: false, isBest: false };
		const forgotten = (await tx.checkpoint.findMany({ where: isSuperseded })).map((checkpoint) => checkpoint.key);
		await tx.checkpoint.deleteMany({ where: isSuperseded });
		await app.removals.note(tx, forgotten);
		await tx.run.update({
			where: { id: claim.id },
			data: {
				epoch,
				furthestEpoch: Math.max(epoch, run.furthestEpoch),
				epochFraction: 0,
				secondsLeft,
				bestEpoch,
				bestValue,
				// A trainer of an earlier version does not say them.
				...(isBest && { bestSteps: end.steps || null }),
			},
		});
		await appendEvent(tx, claim.id, "epoch", { epoch, metrics, seconds, secondsLeft, bestEpoch, bestValue });
		return forgotten;
	});

const onFinished = (app: FastifyInstance, claim: Claim, finished: TrainFinished) =>
	guarded(app, claim, async (tx) => {
		const { best, metrics, reason, seconds, peakMemoryBytes, parametersSha256 } = finished;
		await tx.metric.createMany({ data: rows(claim.id, best?.epoch ?? finished.epochs, metrics) });
		// A refit has seen what it would be tested on.
		const isTested = metrics.length > 0;
		await tx.run.update({
			where: { id: claim.id },
			data: {
				...{ stopReason: reason, trainSeconds: seconds, peakMemoryBytes, parametersSha256, secondsLeft: 0 },
				...(isTested && leftByTest(finished)),
			},
		});
		if (isTested) await appendEvent(tx, claim.id, "tested", { epoch: best?.epoch, metrics });
		await app.jobs.end(tx, claim, "SUCCEEDED");
	});

/** The last checkpoint cannot be read: back to the best one, or to the start. False when there was none to lose. */
async function fallBack(app: FastifyInstance, claim: Claim): Promise<boolean> {
	return app.persist(() =>
		guarded(app, claim, async (tx) => {
			const last = await tx.checkpoint.findFirst({ where: { runId: claim.id, isLast: true } });
			if (!last) return false;
			const best = await tx.checkpoint.findFirst({ where: { runId: claim.id, isBest: true, isLast: false } });
			const epoch = best?.epoch ?? 0;
			await tx.metric.deleteMany({ where: { runId: claim.id, epoch: { gt: epoch } } });
			await tx.checkpoint.deleteMany({ where: { runId: claim.id, epoch: { gt: epoch } } });
			await app.removals.forgoWithin(tx, `runs/${claim.id}`); // epochs up to the last one are written again
			if (best) await tx.checkpoint.update({ where: { id: best.id }, data: { isLast: true } });
			const nothing = { bestEpoch: null, bestValue: null, bestSteps: null };
			await tx.run.update({ where: { id: claim.id }, data: { epoch, epochFraction: 0, ...(best ? {} : nothing) } });
			const message = `checkpoint of epoch ${last.epoch} cannot be read, going on from epoch ${epoch}`;
			await appendEvent(tx, claim.id, "log", { level: "warning", message });
			return true;
		}),
	);
}
