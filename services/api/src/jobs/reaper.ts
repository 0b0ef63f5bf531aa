// Settles jobs whose worker is not heard of any more, so that another one takes them.
import fp from "fastify-plugin";

export default fp(
	async (app) => {
		const { reaperInterval, leaseExpiry } = app.config.timings;
		const reap = async () => {
			for (const job of await app.jobs.reap(leaseExpiry)) {
				const { id, kind, lease, state } = job;
				app.log.warn({ jobId: id, kind, lease, state }, "its worker is lost");
				// The reconciler adds it when this fails.
				if (state === "QUEUED") await app.queue.add(job).catch((err) => app.log.warn({ err }, "not queued"));
			}
		};
		const timer = setInterval(() => reap().catch((err) => app.log.warn({ err }, "reaper")), reaperInterval);
		app.addHook("onClose", async () => clearInterval(timer));
	},
	{ name: "reaper", dependencies: ["queue", "jobs"] },
);
