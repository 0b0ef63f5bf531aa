// Runs that are committed, on their way to the machines that may take them.
import type { FastifyInstance } from "fastify";

const AT_ONCE = 25;

/** In this order. The rows are the promise: when the queue is away, the reconciler adds what is missing. */
export async function enqueueRuns(app: FastifyInstance, runIds: string[]): Promise<void> {
	try {
		const jobs = await app.prisma.job.findMany({
			where: { id: { in: runIds } },
			select: { id: true, kind: true, lease: true, machineClass: true },
		});
		const known = new Map(jobs.map((job) => [job.id, job]));
		const queued = runIds.flatMap((id) => known.get(id) ?? []);
		for (let next = 0; next < queued.length; next += AT_ONCE) {
			await Promise.all(queued.slice(next, next + AT_ONCE).map((job) => app.queue.add(job)));
		}
	} catch (err) {
		app.log.warn({ err }, "runs wait for the reconciler");
	}
}
