// Where BullMQ keeps its jobs: on Redis, or on PostgreSQL beside the truth.
import { createPostgresBackend, type Processor, Queue, Worker, withBackend } from "bullmq";
import { Redis } from "ioredis";
import pg from "pg";
import type { Config } from "../config.js";

export interface Backend {
	readonly name: "redis" | "postgresql";
	queue(name: string): Queue;
	/** It takes nothing before it is resumed. */
	worker(name: string, concurrency: number, processor: Processor): Worker;
	disconnect(): void;
}

/** Whoever asks waits for less, by timings.queueAnswer; but one that could not open at all stays closed. */
const CONNECT_MS = 30_000;

/** BullMQ listens to no error of a connection that it has taken from its pool, and such a one would end the process. */
class LostQuietly extends pg.Client {
	constructor(config?: string | pg.ClientConfig) {
		super(config);
		this.on("error", () => undefined); // the query under way rejects
	}
}

/** Of a queue, of BullMQ's own events; without it ten thousand. */
const EVENTS_KEPT = 100;

export function openBackend(config: Config, onError: (error: Error) => void): Backend {
	const { redisUrl, databaseUrl, queuePrefix: prefix, timings } = config;
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
		schema: `${prefix}_queue`,
		migrate: true,
		// Each listens on one more of its own; a process has a dozen of these, and a database 80 to 100 connections for all.
		max: 1,
		connectionTimeoutMillis: CONNECT_MS,
		Client: LostQuietly,
	});
	return {
		name: redisUrl ? "redis" : "postgresql",
		queue(name) {
			const options = {
				prefix,
				defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
				// Nobody reads them: what happens to a job is told by our tables.
				streams: { events: { maxLen: EVENTS_KEPT } },
			};
			const queue: Queue = producer
				? new Queue(name, { ...options, connection: producer })
				: (new postgres.Queue(name, { ...options, connection: pool() }) as unknown as Queue);
			queue.on("error", onError);
			return queue;
		},
		worker(name, concurrency, processor) {
			const options = {
				prefix,
				concurrency,
				// On PostgreSQL one that runs and could not open asks again without a pause, and the process does nothing else.
				autorun: false,
				lockDuration: timings.queueLock,
				stalledInterval: timings.queueStalled,
				// Redelivery after a lost lock is harmless: the claim in PostgreSQL decides who works.
				maxStalledCount: 1_000,
			};
			const worker: Worker = redisUrl
				? new Worker(name, processor, { ...options, connection: redis({ maxRetriesPerRequest: null }) })
				: (new postgres.Worker(name, processor, { ...options, connection: pool() }) as unknown as Worker);
			worker.on("error", onError);
			return worker;
		},
		disconnect() {
			for (const connection of connections) connection.disconnect();
		},
	};
}
