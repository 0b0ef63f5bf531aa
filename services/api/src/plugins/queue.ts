// app.queue: BullMQ carries job ids, on Redis or on PostgreSQL. PostgreSQL's jobs table stays the truth.
import type { Queue } from "bullmq";
import fp from "fastify-plugin";
import { withDeadline } from "../deadline.js";
import { JobKind } from "../generated/prisma/client.js";
import { openBackend } from "../queue/backend.js";
import { Consumer, type Process } from "../queue/consumer.js";
import { tracing } from "../tracing.js";

export const KINDS: JobKind[] = Object.values(JobKind);

/** A job under the lease it is queued with; of no class: any machine takes it. */
export interface Queued {
	kind: JobKind;
	id: string;
	lease: number;
	machineClass?: string | null;
}

/** Ticks at every so many milliseconds, first at `from`, or as a cron pattern says. */
export interface Schedule {
	id: string;
	every?: number;
	cron?: string;
	timezone?: string;
	from?: Date;
}
/** As the queue has it. */
export interface Scheduled extends Omit<Schedule, "from"> {
	next: Date | null;
}

export interface JobQueue {
	readonly backend: "redis" | "postgresql";
	/** Whether jobs are to be taken: `take` was called, and neither `rest` nor the shutdown has followed. */
	readonly isTaking: boolean;
	/** Throws when the queue is away; the reconciler adds the job later. */
	add(job: Queued, delay?: number): Promise<void>;
	/** Whether the queue will deliver this job, or is delivering it. */
	knows(job: Queued): Promise<boolean>;
	/** Jobs waiting, active and delayed of each kind, those of these classes among them. */
	depth(classes?: string[]): Promise<Record<string, Record<string, number>>>;
	/** Who processes jobs of a kind, from the first `take` on. At shutdown the signal is raised, and those at work are waited for. */
	work(kind: JobKind, concurrency: number, process: Process): void;
	/** Takes jobs of any class and of this one, from now on or again. Rejects when the queue cannot be opened. */
	take(machineClass: string): Promise<void>;
	/** Takes nothing more until the next `take`; what is at work goes on. */
	rest(): void;
	/** What ticks. The queue may forget it: whoever wants it looks now and then. */
	schedules(): Promise<Scheduled[]>;
	/** Begins one anew, whatever it was before. */
	schedule(schedule: Schedule): Promise<void>;
	unschedule(id: string): Promise<void>;
	/** Called in one process at each tick. Those that pass while nobody listens are one. */
	onTick(process: Process): void;
	ping(): Promise<void>;
}

declare module "fastify" {
	interface FastifyInstance {
		queue: JobQueue;
	}
}

const jobId = ({ kind, id, lease }: Queued) => `${kind}-${id}-${lease}`;
const nameOf = (kind: JobKind, machineClass?: string | null) => (machineClass ? `${kind}-${machineClass}` : kind);
/** Only runs are of a class: they are what takes memory and hours. */
const CLASSED: ReadonlySet<JobKind> = new Set([JobKind.run]);
/** The queue of ticks. */
const TICKS = "ticks";
const MOST_SCHEDULES = 10_000;
const STATES = ["waiting", "active", "delayed"] as const;
const ALIVE = new Set(["waiting", "active", "delayed", "prioritized", "waiting-children"]);

export default fp(
	async (app) => {
		const { timings } = app.config;
		const onError = (error: Error) => app.log.warn({ err: error }, "queue connection");
		// BullMQ waits for its connection without end, also to close; nothing of ours does.
		const answer = <T>(asked: Promise<T>, limit = timings.queueAnswer): Promise<T> =>
			withDeadline(asked, limit, "the queue does not answer");
		const backend = openBackend(app.config, onError);
		const queues = new Map<string, Queue>(KINDS.map((kind) => [kind, backend.queue(kind)]));
		const ticks = backend.queue(TICKS);
		const shutdown = new AbortController();

		/** Those of classes are opened when they are first spoken of; one that cannot open would stay closed for ever. */
		function queueOf(kind: JobKind, machineClass?: string | null): Queue {
			const name = nameOf(kind, machineClass);
			const known = queues.get(name);
			if (known) return known;
			const queue = backend.queue(name);
			queues.set(name, queue);
			if (backend.name === "postgresql")
				queue.waitUntilReady().catch(() => {
					queues.delete(name);
					queue.close().catch(onError);
				});
			return queue;
		}

		const works: { kind: JobKind; concurrency: number; process: Process }[] = [];
		let consumers: Consumer[] = [];
		let ticking: Consumer | null = null;
		/** It may change while their connections open. */
		let isTaking = false;
		let opening: Promise<void> | null = null;
		let isOpen = false;
		async function tick(consumer: Consumer): Promise<void> {
			await consumer.opened();
			consumer.take();
		}

		async function openConsumers(machineClass: string): Promise<void> {
			consumers = works.map(({ kind, concurrency, process }) => {
				const names = [nameOf(kind), ...(CLASSED.has(kind) ? [nameOf(kind, machineClass)] : [])];
				return new Consumer(backend, names, concurrency, process, shutdown.signal);
			});
			try {
				await Promise.all(consumers.map((each) => each.opened()));
			} catch (error) {
				void Promise.allSettled(consumers.splice(0).map((each) => each.close()));
				opening = null;
				throw error;
			}
		}

		app.decorate("queue", {
			backend: backend.name,
			get isTaking() {
				return isTaking;
			},
			async add(job, delay = 0) {
				// What it is done for goes along, where that is traced.
				const traceparent = tracing().traceparent();
				const data = { jobId: job.id, ...(traceparent && { traceparent }) };
				await answer(queueOf(job.kind, job.machineClass).add(job.kind, data, { jobId: jobId(job), delay }));
			},
			async knows(asked) {
				const job = await answer(queueOf(asked.kind, asked.machineClass).getJob(jobId(asked)));
				if (!job) return false;
				const state = await answer(job.getState());
				if (ALIVE.has(state)) return true;
				if (state === "unknown") return false; // it ended between the two questions, and is gone
				// A finished delivery under this id would make BullMQ ignore the new one.
				await answer(job.remove());
				return false;
			},
			async depth(classes = []) {
				const depthOf = async (kind: JobKind) => {
					const all = [queueOf(kind), ...(CLASSED.has(kind) ? classes.map((name) => queueOf(kind, name)) : [])];
					const counts = await Promise.all(all.map((queue) => queue.getJobCounts(...STATES)));
					const sum = (state: string) => counts.reduce((total, one) => total + (one[state] ?? 0), 0);
					return [kind, Object.fromEntries(STATES.map((state) => [state, sum(state)]))] as const;
				};
				return Object.fromEntries(await answer(Promise.all(KINDS.map(depthOf))));
			},
			work: (kind, concurrency, process) => void works.push({ kind, concurrency, process }),
			async take(machineClass) {
				if (shutdown.signal.aborted) return;
				isTaking = true;
				opening ??= openConsumers(machineClass);
				await opening;
				if (isTaking) for (const each of consumers) each.take();
			},
			rest() {
				isTaking = false;
				for (const each of consumers) each.rest();
			},
			async schedules() {
				const known = await answer(ticks.getJobSchedulers(0, MOST_SCHEDULES));
				return known.map(({ key, every, pattern, tz, next }) => ({
					id: key,
					...(every && { every: Number(every) }),
					...(pattern && { cron: pattern }),
					...(tz && { timezone: tz }),
					next: next ? new Date(next) : null,
				}));
			},
			async schedule({ id, every, cron, timezone, from }) {
				// Of one that is there it would keep what was planned.
				await answer(ticks.removeJobScheduler(id));
				const repeat = every ? { every, ...(from && { startDate: from }) } : { pattern: cron, tz: timezone };
				await answer(ticks.upsertJobScheduler(id, repeat, { name: "tick", data: { jobId: id } }));
			},
			async unschedule(id) {
				await answer(ticks.removeJobScheduler(id));
			},
			onTick(process) {
				ticking = new Consumer(backend, [TICKS], 1, process, shutdown.signal);
				if (isOpen) tick(ticking).catch(onError);
			},
			async ping() {
				await answer(queueOf("run").getJobCounts("waiting"));
			},
		} satisfies JobQueue);

		// On PostgreSQL one that could not open stays as it is for ever: then the process starts anew. Redis is waited for.
		app.addHook("onReady", async () => {
			if (backend.name === "postgresql")
				await Promise.all([...queues.values(), ticks].map((each) => each.waitUntilReady()));
			if (ticking) await tick(ticking);
			isOpen = true;
		});
		const all = () => (ticking ? [...consumers, ticking] : consumers);
		app.addHook("preClose", async () => {
			isTaking = false;
			for (const each of all()) each.rest();
			shutdown.abort();
		});
		app.addHook("onClose", async () => {
			await Promise.all(all().map((each) => each.idle()));
			const users = [
				...all().map((each) => each.close()),
				...[...queues.values(), ticks].map((queue) => queue.close()),
			];
			await answer(Promise.all(users), timings.queueClose).catch(onError);
			backend.disconnect();
		});
	},
	{ name: "queue" },
);
