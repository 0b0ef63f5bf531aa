// Takes jobs from one queue or from two, so many at once in all, rests, and gives back what is not to be done now.
import { DelayedError, type Job, WaitingError, type Worker } from "bullmq";
import { tracing } from "../tracing.js";
import type { Backend } from "./backend.js";

/** Throws NotTaken when it leaves the job to others. */
export type Process = (jobId: string, shutdown: AbortSignal) => Promise<void>;

/** The job is delivered again after `pause` ms, to whoever has time for it then. */
export class NotTaken extends Error {
	constructor(readonly pause: number) {
		super("not taken");
	}
}

interface JobData {
	jobId: string;
	traceparent?: string;
}

export class Consumer {
	readonly #workers: Worker[];
	readonly #atWork = new Set<Promise<void>>();
	#isResting = true;

	constructor(
		private readonly backend: Backend,
		names: string[],
		private readonly concurrency: number,
		private readonly process: Process,
		private readonly shutdown: AbortSignal,
	) {
		this.#workers = names.map((name) =>
			// Ends by the shutdown or the heartbeat, never by BullMQ's signal: a lost lock says nothing about the claim.
			backend.worker(name, concurrency, (job, token) => this.#process(name, job, token)),
		);
	}

	/** Rejects when a connection cannot be opened; on Redis that is waited for. */
	async opened(): Promise<void> {
		if (this.backend.name === "postgresql") await Promise.all(this.#workers.map((worker) => worker.waitUntilReady()));
	}

	/** Begins, or goes on. Not before it is `opened`. */
	take(): void {
		this.#isResting = false;
		this.#flow();
	}

	/** Takes nothing more; what is at work goes on. */
	rest(): void {
		this.#isResting = true;
		this.#flow();
	}

	/** Settles once nothing is at work any more. */
	async idle(): Promise<void> {
		await Promise.allSettled(this.#atWork);
	}

	async close(): Promise<void> {
		await Promise.all(
			this.#workers.map(async (worker) => {
				// On PostgreSQL a worker that is closed while it starts still opens its LISTEN connection, and leaves it open.
				if (this.backend.name === "postgresql") await worker.waitUntilReady().catch(() => undefined);
				await worker.close(true);
			}),
		);
	}

	get #isFull(): boolean {
		return this.#isResting || this.#atWork.size >= this.concurrency;
	}

	#flow(): void {
		for (const worker of this.#workers) {
			if (this.#isFull) void worker.pause(true);
			else if (worker.isPaused() || !worker.isRunning()) void worker.resume();
		}
	}

	async #process(name: string, job: Job<JobData>, token?: string): Promise<void> {
		// A worker that is told to pause while it waits for a job still takes that one; another machine may have time for it.
		if (this.#isFull) {
			await job.moveToWait(token);
			throw new WaitingError();
		}
		const work = this.#work(name, job, token);
		this.#atWork.add(work);
		this.#flow();
		await work.finally(() => {
			this.#atWork.delete(work);
			this.#flow();
		});
	}

	async #work(name: string, job: Job<JobData>, token?: string): Promise<void> {
		const { jobId, traceparent: parent } = job.data;
		const attributes = { "valence.job": jobId };
		try {
			await tracing().within(`job ${name}`, { kind: "consumer", parent, attributes }, () =>
				this.process(jobId, this.shutdown),
			);
		} catch (error) {
			if (!(error instanceof NotTaken)) throw error;
			await job.moveToDelayed(Date.now() + error.pause, token);
			throw new DelayedError();
		}
	}
}
