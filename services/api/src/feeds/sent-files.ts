// Staged files of imports into feeds: needed until these end, however that is.
import type { FastifyInstance } from "fastify";
import { uploadKeys } from "../datasets/dataset-store.js";
import { FINAL_STATES } from "../plugins/jobs.js";

/** Imports seen to in one round. */
const AT_ONCE = 100;

/** Deletes what imports that are over have left; what cannot be deleted now is left to the sweeper. */
export async function discardSentFiles(app: FastifyInstance): Promise<void> {
	const keys = await app.prisma.$transaction(async (tx) => {
		const over = await tx.feedImport.findMany({
			where: { filesKept: true, job: { state: { in: FINAL_STATES } } },
			select: { id: true, files: true },
			take: AT_ONCE,
		});
		const keys = over.flatMap(({ files }) => uploadKeys(files));
		await tx.feedImport.updateMany({ where: { id: { in: over.map(({ id }) => id) } }, data: { filesKept: false } });
		await app.removals.note(tx, keys);
		return keys;
	});
	await app.removals.carryOut(keys);
}
