// Does one piece of work under a claim: heartbeat, cancel, and what becomes of the job when the work ends badly.
import type { FastifyInstance } from "fastify";
import { RemoteError } from "../grpc.js";
import { type Claim, type Failure, LeaseLost } from "../plugins/jobs.js";
import { isDatabaseAway } from "../plugins/prisma.js";
import { NotTaken } from "../queue/consumer.js";

/**
 * Does what the claim is for and writes its own end (app.jobs.end) in the transaction that stores its result.
 * `heard` tells that the trainer is alive; `signal` ends the call to it.
 */
export type Work = (claim: Claim, signal: AbortSignal, heard: () => void) => Promise<void>;

/** Thrown by work that another machine is to go on with, at a place where nothing is lost. */
export class HandOver extends Error {}

type Reason = "cancel" | "lost" | "hung" | "shutdown";
/** The owner died or hung; the work itself may be sound. */
const CRASHES = new Set(["trainer_crashed", "trainer_hung", "internal"]);
/** The trainer has no place for the work yet, cannot reach the artifacts, or ends in an orderly way; that says nothing about it. */
const BUSY = new Set(["no_free_slot", "stale_lease", "stopping", "store_unavailable"]);

export async function perform(app: FastifyInstance, id: string, shutdown: AbortSignal, work: Work): Promise<void> {
	const claim = await claimHere(app, id);
	if (!claim) return;
	const log = app.log.child({ jobId: id, kind: claim.kind, lease: claim.lease });
	log.info("claimed");
	const stop = new AbortController();
	const watch = watchOver(app, claim, (reason) => stop.abort(reason));
	const onShutdown = () => stop.abort("shutdown" satisfies Reason);
	shutdown.addEventListener("abort", onShutdown, { once: true });
	if (shutdown.aborted) onShutdown();
	try {
		await work(claim, stop.signal, watch.heard);
		log.info("done");
	} catch (error) {
		const reason = stop.signal.aborted ? (stop.signal.reason as Reason) : null;
		await settle(app, claim, error, reason, watch.wasHeard()).catch((unsettled) => {
			if (unsettled instanceof LeaseLost) log.warn("another owner has the job");
			// Whatever else it was, the reaper settles a job whose owner says nothing more.
			else log.warn({ err: unsettled }, "left to the reaper");
		});
	} finally {
		watch.end();
		shutdown.removeEventListener("abort", onShutdown);
	}
}

/**
 * Not before the trainer answers, so that its absence neither counts as a crash nor fills the log. Throws NotTaken where it does not, or
 * this machine is to take nothing: another one would wait in vain for what is kept here. Null: there is nothing to do.
 */
async function claimHere(app: FastifyInstance, id: string): Promise<Claim | null> {
	const notTaken = () => new NotTaken(app.config.timings.trainerRetry);
	await app.trainer.reach().catch(() => {
		throw notTaken();
	});
	return app.persist(async () => {
		// It may drain, end or be cut off from the database since the job was delivered.
		if (!app.queue.isTaking) throw notTaken();
		return app.jobs.claim(id, app.machine);
	});
}

/** Renews the lease on a timer, never on events of the trainer, and finds out why the work must stop. */
function watchOver(app: FastifyInstance, claim: Claim, abort: (reason: Reason) => void) {
	const { heartbeat, trainerSilence, leaseExpiry, databaseRetry } = app.config.timings;
	const started = Date.now();
	let lastHeard = started;
	let lastBeat = started;
	let isBeating = false;
	const timer = setInterval(async () => {
		if (Date.now() - lastHeard > trainerSilence) abort("hung");
		if (isBeating) return;
		isBeating = true;
		try {
			const answer = await app.jobs.heartbeat(claim);
			lastBeat = Date.now();
			if (answer !== "continue") abort(answer);
		} catch (error) {
			app.log.warn({ err: error, jobId: claim.id }, "heartbeat failed");
			// Without a database nobody else can claim the job either, so the work goes on for a while.
			if (Date.now() - lastBeat > leaseExpiry + databaseRetry) abort("lost");
		} finally {
			isBeating = false;
		}
	}, heartbeat);
	let wasHeard = false;
	return {
		heard() {
			lastHeard = Date.now();
			wasHeard = true;
		},
		wasHeard: () => wasHeard,
		end: () => clearInterval(timer),
	};
}

async function settle(
	app: FastifyInstance,
	claim: Claim,
	error: unknown,
	reason: Reason | null,
	wasHeard: boolean,
): Promise<void> {
	const log = app.log.child({ jobId: claim.id, lease: claim.lease });
	const { trainerRetry, trainerBusy } = app.config.timings;
	const crashed = (code: string, message: string) => requeue(app, claim, trainerRetry, { code, message });
	if (error instanceof LeaseLost || reason === "lost") throw new LeaseLost();
	if (reason === "cancel") {
		await app.persist(() => app.prisma.$transaction((tx) => app.jobs.end(tx, claim, "CANCELLED")));
		log.info("cancelled");
		return;
	}
	if (reason === "shutdown" || error instanceof HandOver) return requeue(app, claim, 0);
	if (reason === "hung") return crashed("trainer_hung", "the trainer was not heard of any more");
	if (!(error instanceof RemoteError)) {
		if (isDatabaseAway(error)) throw error;
		log.error({ err: error }, "unexpected");
		return crashed("internal", "something went wrong in the worker; see its log");
	}
	// Its message goes into the row, which is deleted with the dataset: it may quote a file, a log stays.
	log.warn({ code: error.code }, "the trainer ended the work");
	if (BUSY.has(error.code)) return requeue(app, claim, trainerBusy);
	// It went away between our question and the call.
	if (error.code === "unavailable" && !wasHeard) return requeue(app, claim, trainerRetry);
	if (error.code === "unavailable" || error.code === "cancelled") {
		return crashed("trainer_crashed", "the connection to the trainer broke");
	}
	if (CRASHES.has(error.code)) return crashed(error.code, error.message);
	const { code, message } = error;
	await app.persist(() => app.prisma.$transaction((tx) => app.jobs.end(tx, claim, "FAILED", { code, message })));
}

/** After a crash it waits `pause`, and twice as long for each before it at the same place. */
async function requeue(app: FastifyInstance, claim: Claim, pause: number, crash?: Failure): Promise<void> {
	const { state, crashesInPlace } = await app.persist(() => app.jobs.release(claim, crash));
	if (state !== "QUEUED") return;
	// The reconciler adds it when this fails.
	await app.queue
		.add(claim, crash ? pause * 2 ** (crashesInPlace - 1) : pause)
		.catch((err) => app.log.warn({ err, jobId: claim.id }, "not queued"));
}
