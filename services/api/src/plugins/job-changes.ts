// app.jobChanges: wakes whoever follows a job as soon as it has a new event. One LISTEN connection serves the process; while it
// is away, followers fall back to asking now and then.
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import fp from "fastify-plugin";
import pg from "pg";
import { EVENT_CHANNEL } from "./jobs.js";

const RECONNECT_MS = 1_000;

export interface JobChanges {
	/** Begins to watch a job; what happens before `next` is called is not missed. */
	watch(jobId: string): { next(timeout: number, signal: AbortSignal): Promise<void>; stop(): void };
}

declare module "fastify" {
	interface FastifyInstance {
		jobChanges: JobChanges;
	}
}

export default fp(
	async (app) => {
		const changes = new EventEmitter().setMaxListeners(0);
		const closing = new AbortController();
		let client: pg.Client | null = null;

		async function listen(): Promise<void> {
			while (!closing.signal.aborted) {
				client = new pg.Client({
					connectionString: app.config.databaseUrl,
					connectionTimeoutMillis: 5_000,
					keepAlive: true,
				});
				const ended = new Promise<void>((resolve) => client?.once("end", () => resolve()));
				client.on("error", (err) => app.log.warn({ err }, "listening for job events"));
				client.on("notification", ({ payload }) => payload && changes.emit(payload));
				try {
					await client.connect();
					await client.query(`LISTEN ${EVENT_CHANNEL}`);
					await ended;
				} catch (err) {
					app.log.warn({ err }, "cannot listen for job events");
					await client.end().catch(() => undefined);
				}
				await sleep(RECONNECT_MS, undefined, { signal: closing.signal }).catch(() => undefined);
			}
		}
		void listen();

		app.decorate("jobChanges", {
			watch(jobId) {
				let changed = false;
				let wake = () => {};
				const onChange = () => {
					changed = true;
					wake();
				};
				changes.on(jobId, onChange);
				return {
					async next(timeout, signal) {
						const stop = new AbortController();
						wake = () => stop.abort();
						if (!changed)
							await sleep(timeout, undefined, { signal: AbortSignal.any([stop.signal, signal]) }).catch(
								() => undefined,
							);
						changed = false;
					},
					stop: () => void changes.off(jobId, onChange),
				};
			},
		} satisfies JobChanges);

		app.addHook("onClose", async () => {
			closing.abort();
			await client?.end().catch(() => undefined);
		});
	},
	{ name: "job-changes", dependencies: ["jobs"] },
);
