// Deletes artifacts which a request or an import has forgotten but could not delete: it died, or the trainer was away.
import fp from "fastify-plugin";

export default fp(
	async (app) => {
		let busy = false;
		const timer = setInterval(() => {
			if (busy) return;
			busy = true;
			app.removals
				.sweep()
				.catch((err) => app.log.warn({ err }, "sweeper"))
				.finally(() => {
					busy = false;
				});
		}, app.config.timings.reconcilerInterval);
		app.addHook("onClose", async () => clearInterval(timer));
	},
	{ name: "sweeper", dependencies: ["removals"] },
);
