// Deletes artifacts which a request or an import has forgotten but could not delete (it died, or the trainer was away),
// checkpoints that the rule of their experiment does not keep, where no end of a run has seen to it, failed imports whose time is
// over, and what exports that came to nothing have left. Starts the refits, too, that experiments asked for and nobody has started.
import fp from "fastify-plugin";
import { forgetStaleImports } from "../artifacts/deletion.js";
import { discardHalfExports } from "../artifacts/export-store.js";
import { refitWhatIsDue } from "../experiments/refit.js";

export default fp(
	async (app) => {
		let busy = false;
		const timer = setInterval(() => {
			if (busy) return;
			busy = true;
			forgetStaleImports(app)
				.catch((err) => app.log.warn({ err }, "failed imports stay"))
				.then(() => discardHalfExports(app))
				.catch((err) => app.log.warn({ err }, "what is left of exports stays"))
				.then(() => app.keep.sweep())
				.catch((err) => app.log.warn({ err }, "keep rules"))
				.then(() => refitWhatIsDue(app))
				.catch((err) => app.log.warn({ err }, "refits"))
				.then(() => app.removals.sweep())
				.catch((err) => app.log.warn({ err }, "sweeper"))
				.finally(() => {
					busy = false;
				});
		}, app.config.timings.reconcilerInterval);
		app.addHook("onClose", async () => clearInterval(timer));
	},
	{ name: "sweeper", dependencies: ["removals", "keep", "jobs", "queue"] },
);
