// Adds QUEUED jobs again which the queue does not know: it may have come back empty, or the api died between the
// commit and the queue.
import fp from "fastify-plugin";
import { Prisma } from "../generated/prisma/client.js";
import type { Queued } from "../plugins/queue.js";

const AT_ONCE = 500;

interface Waiting extends Queued {
	queuedAt: Date;
	/** Among the runs of its experiment, which are queued at one moment. */
	position: number;
}

export default fp(
	async (app) => {
		const { reconcilerInterval, reconcilerGrace } = app.config.timings;
		let busy = false;
		/** Where the round before ended, so that a long queue hides nothing that stands behind its first part. */
		let last: Waiting | null = null;
		const reconcile = async () => {
			const before = new Date(Date.now() - reconcilerGrace);
			const behind = last
				? Prisma.sql`AND ("queuedAt", position, id) > (${last.queuedAt}, ${last.position}, ${last.id}::uuid)`
				: Prisma.empty;
			// Trials in their order: what is proposed for one follows from those before it.
			const queued = await app.prisma.$queryRaw<Waiting[]>`
				SELECT * FROM (
					SELECT j.id, j.kind, j.lease, j.machine_class AS "machineClass", j.queued_at AS "queuedAt", coalesce(r.position, 0) AS position
					FROM jobs j LEFT JOIN runs r ON r.id = j.id WHERE j.state = 'QUEUED'
				) q WHERE "queuedAt" < ${before} ${behind} ORDER BY "queuedAt", position, id LIMIT ${AT_ONCE}`;
			for (const job of queued) {
				if (await app.queue.knows(job)) continue;
				await app.queue.add(job);
				app.log.info({ jobId: job.id, kind: job.kind, lease: job.lease }, "queued again");
			}
			last = (queued.length === AT_ONCE && queued.at(-1)) || null;
		};
		const timer = setInterval(() => {
			if (busy) return;
			busy = true;
			reconcile()
				.catch((err) => app.log.warn({ err }, "reconciler"))
				.finally(() => {
					busy = false;
				});
		}, reconcilerInterval);
		app.addHook("onClose", async () => clearInterval(timer));
	},
	{ name: "reconciler", dependencies: ["queue", "jobs"] },
);
