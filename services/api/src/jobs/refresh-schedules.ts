// Begins refreshes when their time has come, keeps the schedules of the queue as the rules want them, and sweeps up behind refreshes
// whose end nobody saw.
import { setTimeout as sleep } from "node:timers/promises";
import fp from "fastify-plugin";
import { beginAtTick } from "../refreshes/beginning.js";
import { cancelJobs, pruneAll } from "../refreshes/ending.js";
import { keepSchedules } from "../refreshes/schedule.js";

export default fp(
	async (app) => {
		app.queue.onTick((deploymentName) => app.persist(() => beginAtTick(app, deploymentName)));

		let sweeping: Promise<void> | null = null;
		const sweep = async () => {
			await keepSchedules(app).catch((err) => app.log.warn({ err }, "schedules"));
			await cancelJobs(app).catch((err) => app.log.warn({ err }, "jobs of ended refreshes go on"));
			await pruneAll(app).catch((err) => app.log.warn({ err }, "old snapshots stay"));
			sweeping = null;
		};
		const look = () => {
			sweeping ??= sweep();
		};
		const { reconcilerInterval, queueClose } = app.config.timings;
		const timer = setInterval(look, reconcilerInterval);
		app.addHook("onReady", async () => look());
		app.addHook("onClose", async () => {
			clearInterval(timer);
			// A queue that is asked after its end would open connections that nobody closes.
			await Promise.race([sweeping, sleep(queueClose, undefined, { ref: false })]);
		});
	},
	{ name: "refresh-schedules", dependencies: ["queue", "jobs", "removals"] },
);
