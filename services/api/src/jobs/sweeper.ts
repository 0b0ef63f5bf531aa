// Deletes artifacts which a request or an import has forgotten but could not delete (it died, or the trainer was away),
// checkpoints that the rule of their experiment does not keep, where no end of a run has seen to it, failed imports whose time is
// over, uploads that nothing names, what exports that came to nothing have left, files that were sent to feeds, erasures that no
// dataset is older than, and machines that are gone. Starts the refits, too, that experiments asked for and nobody has started.
import fp from "fastify-plugin";
import { forgetStaleImports } from "../artifacts/deletion.js";
import { discardHalfExports } from "../artifacts/export-store.js";
import { removeStaleUploads } from "../artifacts/stale-uploads.js";
import { refitWhatIsDue } from "../experiments/refit.js";
import { forgetErasures } from "../feeds/erasures.js";
import { discardSentFiles } from "../feeds/sent-files.js";
import { forgetMachines } from "../machines/registration.js";

export default fp(
	async (app) => {
		const { reconcilerInterval, uploadSweep } = app.config.timings;
		let busy = false;
		let walked = Number.NEGATIVE_INFINITY;
		/** When the walk has failed, it is not due before the next time either: it is dear. */
		async function sweepUploads(): Promise<void> {
			if (performance.now() - walked < uploadSweep) return;
			walked = performance.now();
			await removeStaleUploads(app);
		}
		const timer = setInterval(() => {
			if (busy) return;
			busy = true;
			forgetStaleImports(app)
				.catch((err) => app.log.warn({ err }, "failed imports stay"))
				.then(() => discardHalfExports(app))
				.catch((err) => app.log.warn({ err }, "what is left of exports stays"))
				.then(() => discardSentFiles(app))
				.catch((err) => app.log.warn({ err }, "what was sent to feeds stays"))
				.then(() => app.keep.sweep())
				.catch((err) => app.log.warn({ err }, "keep rules"))
				.then(() => forgetErasures(app.prisma))
				.catch((err) => app.log.warn({ err }, "erasures that nothing needs stay"))
				.then(() => refitWhatIsDue(app))
				.catch((err) => app.log.warn({ err }, "refits"))
				.then(() => app.removals.sweep())
				.catch((err) => app.log.warn({ err }, "sweeper"))
				.then(() => forgetMachines(app))
				.catch((err) => app.log.warn({ err }, "machines that are gone stay"))
				.then(sweepUploads)
				.catch((err) => app.log.warn({ err }, "uploads that nothing names stay"))
				.finally(() => {
					busy = false;
				});
		}, reconcilerInterval);
		app.addHook("onClose", async () => clearInterval(timer));
	},
	{ name: "sweeper", dependencies: ["removals", "keep", "jobs", "queue"] },
);
