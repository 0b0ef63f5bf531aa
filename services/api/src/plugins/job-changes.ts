// app.jobChanges: wakes whoever follows a job as soon as it has a new event. While the database cannot be heard, followers
// fall back to asking now and then.
import { EventEmitter } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import fp from "fastify-plugin";
import { EVENT_CHANNEL } from "./jobs.js";

export interface JobChanges {
	/** Begins to watch jobs; what happens before `next` is called is not missed. */
	watch(jobIds: string[]): { next(timeout: number, signal: AbortSignal): Promise<void>; stop(): void };
}

declare module "fastify" {
	interface FastifyInstance {
		jobChanges: JobChanges;
	}
}

export default fp(
	async (app) => {
		const changes = new EventEmitter().setMaxListeners(0);
		app.notifications.listen(EVENT_CHANNEL, { notified: (jobId) => void changes.emit(jobId) });

		app.decorate("jobChanges", {
			watch(jobIds) {
				let changed = false;
				let wake = () => {};
				const onChange = () => {
					changed = true;
					wake();
				};
				for (const jobId of jobIds) changes.on(jobId, onChange);
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
					stop() {
						for (const jobId of jobIds) changes.off(jobId, onChange);
					},
				};
			},
		} satisfies JobChanges);
	},
	{ name: "job-changes", dependencies: ["jobs", "notifications"] },
);
