// Adds QUEUED jobs again which the queue does not know: it may have come back empty, or the api died between the
// commit and the queue.
import fp from "fastify-plugin";

const AT_ONCE = 500;

export default fp(
	async (app) => {
		const { reconcilerInterval, reconcilerGrace } = app.config.timings;
		let busy = false;
		/** Where the round before ended, so that a long queue hides nothing that stands behind its first part. */
		let last: string | null = null;
		const reconcile = async () => {
			const before = new Date(Date.now() - reconcilerGrace);
			const queued = await app.prisma.job.findMany({
				where: { state: "QUEUED", queuedAt: { lt: before } },
				orderBy: [{ queuedAt: "asc" }, { id: "asc" }],
				select: { id: true, kind: true, lease: true },
				take: AT_ONCE,
				...(last && { cursor: { id: last }, skip: 1 }),
			});
			for (const { id, kind, lease } of queued) {
				if (await app.queue.knows(kind, id, lease)) continue;
				await app.queue.add(kind, id, lease);
				app.log.info({ jobId: id, kind, lease }, "queued again");
			}
			last = (queued.length === AT_ONCE && queued.at(-1)?.id) || null;
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
