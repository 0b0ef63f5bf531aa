// Staged files whose request, or whose job, died before a row named them. They hold people's ids, so nobody has to ask for their removal.
import type { FastifyInstance } from "fastify";
import { ownersOf, YOUNG_UPLOAD_MS } from "./disk-usage.js";

export async function removeStaleUploads(app: FastifyInstance): Promise<void> {
	const before = Date.now() - YOUNG_UPLOAD_MS;
	const old: string[] = [];
	for await (const { artifacts } of app.trainer.listArtifacts(AbortSignal.timeout(app.config.timings.diskWalk))) {
		for (const { key, shape, changedMs } of artifacts) if (shape === "upload" && changedMs < before) old.push(key);
	}
	const removed = await app.removals.claim(old, ownersOf);
	if (removed.length > 0) app.log.info({ uploads: removed.length }, "uploads that nothing names are deleted");
	await app.removals.carryOut(removed);
}
