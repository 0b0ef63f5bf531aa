// app.queue: BullMQ carries job ids, on Redis or on PostgreSQL. PostgreSQL's jobs table stays the truth.
import { setTimeout as sleep } from "node:timers/promises";
import { createPostgresBackend, Queue, Worker, withBackend } from "bullmq";
import fp from "fastify-plugin";
import { Redis } from "ioredis";
import { JobKind } from "../generated/prisma/client.js";

export const KINDS: JobKind[] = Object.values(JobKind);

export type Process = (jobId: string, shutdown: AbortSignal) => Promise<void>;

export interface JobQueue {
	readonly backend: "redis" | "postgresql";
	/** Throws when the queue is away; the reconciler adds the job later. */
	add(kind: JobKind, id: string, lease: number, delay?: number): Promise<void>;
	/** Whether the queue will deliver this job, or is delivering it. */
	knows(kind: JobKind, id: string, lease: number): Promise<boolean>;
	/** Jobs waiting, active and delayed of each kind. */
	depth(): Promise<Record<string, Record<string, number>>>;
	/** Processes jobs of a kind. At shutdown no more are taken, the signal is raised, and those at work are waited for. */
	work(kind: JobKind, concurrency: number, process: Process): void;
	ping(): Promise<void>;
}

declare module "fastify" {
	interface FastifyInstance {
		queue: JobQueue;
	}
}

const jobId = (kind: JobKind, id: string, lease: number) => `${kind}-${id}-${lease}`;
const ALIVE = new Set(["waiting", "active", "delayed", "prioritized", "waiting-children"]);

export default fp(
	async (app) => {
		const { redisUrl, databaseUrl, queuePrefix, timings } = app.config;
		const onError = (error: Error) => app.log.warn({ err: error }, "queue connection");
		// BullMQ waits for its connection without end, also to close; nothing of ours does.
		const answer = <T>(asked: Promise<T>): Promise<T> => {
			const late = sleep(timings.queueAnswer, undefined, { ref: false }).then(() => {
				throw new Error("the queue does not answer");
			});
			return Promise.race([asked, late]);
		};

		const connections: Redis[] = [];
		const redis = (options: object) => {
			const connection = new Redis(redisUrl ?? "", { ...options, lazyConnect: false });
			connection.on("error", onError);
			connections.push(connection);
			return connection;
		};
		// A producer fails fast, so that a request never hangs; a worker waits for Redis as long as it takes.
		const producer = redisUrl ? redis({ enableOfflineQueue: false, maxRetriesPerRequest: 1 }) : null;
		const postgres = withBackend(createPostgresBackend);
		const pool = () => ({
			connectionString: databaseUrl,
			schema: `${queuePrefix}_queue`,
			migrate: true,
			max: 5,
			connectionTimeoutMillis: 5_000,
		});

		const queues = new Map(
			KINDS.map((kind) => {
				const options = {
					prefix: queuePrefix,
					defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
				};
				const queue: Queue = producer
					? new Queue(kind, { ...options, connection: producer })
					: (new postgres.Queue(kind, { ...options, connection: pool() }) as unknown as Queue);
				queue.on("error", onError);
				return [kind, queue];
			}),
		);
		const workers: Worker[] = [];
		const atWork = new Set<Promise<void>>();
		const shutdown = new AbortController();
		const queueOf = (kind: JobKind) => queues.get(kind) as Queue;

		app.decorate("queue", {
			backend: redisUrl ? "redis" : "postgresql",
			async add(kind, id, lease, delay = 0) {
				await answer(queueOf(kind).add(kind, { jobId: id }, { jobId: jobId(kind, id, lease), delay }));
			},
			async knows(kind, id, lease) {
				const job = await answer(queueOf(kind).getJob(jobId(kind, id, lease)));
				if (!job) return false;
				const state = await answer(job.getState());
				if (ALIVE.has(state)) return true;
				if (state === "unknown") return false; // it ended between the two questions, and is gone
				// A finished delivery under this id would make BullMQ ignore the new one.
				await answer(job.remove());
				return false;
			},
			async depth() {
				const entries = await answer(
					Promise.all(
						KINDS.map(
							async (kind) => [kind, await queueOf(kind).getJobCounts("waiting", "active", "delayed")] as const,
						),
					),
				);
				return Object.fromEntries(entries);
			},
			work(kind, concurrency, process) {
				const options = {
					prefix: queuePrefix,
					concurrency,
					lockDuration: timings.queueLock,
					stalledInterval: timings.queueStalled,
					// Redelivery after a lost lock is harmless: the claim in PostgreSQL decides who works.
					maxStalledCount: 1_000,
				};
				// Ends by the shutdown or the heartbeat, never by BullMQ's signal: a lost lock says nothing about the claim.
				const processor = async (job: { data: { jobId: string } }) => {
					const work = process(job.data.jobId, shutdown.signal);
					atWork.add(work);
					await work.finally(() => atWork.delete(work));
				};
				const worker: Worker = redisUrl
					? new Worker(kind, processor, { ...options, connection: redis({ maxRetriesPerRequest: null }) })
					: (new postgres.Worker(kind, processor, { ...options, connection: pool() }) as unknown as Worker);
				worker.on("error", onError);
				workers.push(worker);
			},
			async ping() {
				await answer(queueOf("run").getJobCounts("waiting"));
			},
		} satisfies JobQueue);

		app.addHook("preClose", async () => {
			await Promise.allSettled(workers.map((worker) => worker.pause(true)));
			shutdown.abort();
		});
		app.addHook("onClose", async () => {
			await Promise.allSettled(atWork);
			const closed = async (worker: Worker) => {
				// On PostgreSQL a worker that is closed while it starts still opens its LISTEN connection, and leaves it open.
				if (!redisUrl) await worker.waitUntilReady().catch(onError);
				await worker.close(true);
			};
			const users = [...workers.map(closed), ...[...queues.values()].map((queue) => queue.close())];
			await answer(Promise.all(users)).catch(onError);
			for (const connection of connections) connection.disconnect();
		});
	},
	{ name: "queue" },
);
