// From staged files to the dataset they make: a new one, the one there is, or one whose files must be made again.
import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { Dataset, Job, Prisma } from "./generated/prisma/client.js";
import type { ImportRule } from "./import-rule.js";
import { isFinal } from "./plugins/jobs.js";
import { violatesUnique } from "./plugins/prisma.js";
import type { StoredFile } from "./views/dataset.js";

type Known = Dataset & { job: Job };
export interface Stored {
	id: string;
	/** Of the import to queue; null when the dataset there is needs none. */
	lease: number | null;
	/** Keys that the dataset no longer names. */
	replaced: string[];
}

export const uploadKeys = (files: unknown) => (files as StoredFile[]).map((file) => file.uploadKey);

/** Where the trainer keeps what an import makes. */
export const datasetKey = (digest: string) => `datasets/${digest}`;

export async function store(
	app: FastifyInstance,
	name: string,
	digest: string,
	rule: ImportRule,
	files: StoredFile[],
): Promise<Stored> {
	const stored = await storeOnce(app, name, digest, rule, files);
	if (stored.lease !== null) return stored;
	// While its files were read it may have been deleted.
	const isThere = (await app.prisma.dataset.count({ where: { id: stored.id } })) > 0;
	return isThere ? stored : store(app, name, digest, rule, files);
}

async function storeOnce(
	app: FastifyInstance,
	name: string,
	digest: string,
	rule: ImportRule,
	files: StoredFile[],
): Promise<Stored> {
	const known = await app.prisma.dataset.findUnique({ where: { digest }, include: { job: true } });
	if (!known) return create(app, name, digest, rule, files);
	if (!(await isLost(app, known))) return { id: known.id, lease: null, replaced: [] };
	// Experiments may hang on a dataset that was imported once: it keeps its id and is imported again.
	if (known.artifactKey !== null) return reopen(app, known, files);
	return create(app, name, digest, rule, files, known);
}

/** Whether the import has failed, or its files on disk are not what it wrote. */
async function isLost(app: FastifyInstance, { job, artifactKey }: Known): Promise<boolean> {
	if (!isFinal(job.state)) return false;
	return job.state !== "SUCCEEDED" || !(await app.trainer.isWhole(artifactKey ?? ""));
}

async function create(
	app: FastifyInstance,
	name: string,
	digest: string,
	rule: ImportRule,
	files: StoredFile[],
	failed?: Known,
): Promise<Stored> {
	const id = randomUUID();
	const replaced = failed ? uploadKeys(failed.files) : [];
	const data = { id, name, digest, rule: rule as Prisma.InputJsonObject };
	try {
		await app.prisma.$transaction(async (tx) => {
			if (failed) await tx.job.deleteMany({ where: { id: failed.id } });
			await app.jobs.create(tx, [id], "import");
			await tx.dataset.create({ data: { ...data, files: files as unknown as Prisma.InputJsonArray } });
			await app.removals.note(tx, replaced);
		});
		return { id, lease: 0, replaced };
	} catch (error) {
		// Two uploads of the same bytes at once: the unique digest lets one through.
		const twin = violatesUnique(error) ? await app.prisma.dataset.findUnique({ where: { digest } }) : null;
		if (!twin) throw error;
		return { id: twin.id, lease: null, replaced: [] };
	}
}

function reopen(app: FastifyInstance, known: Known, files: StoredFile[]): Promise<Stored> {
	return app.prisma.$transaction(async (tx) => {
		const lease = await app.jobs.reopen(tx, known.job);
		const replaced = lease === null ? [] : uploadKeys(known.files);
		if (lease !== null) {
			const data = { files: files as unknown as Prisma.InputJsonArray };
			await tx.dataset.update({ where: { id: known.id }, data });
			await app.removals.note(tx, replaced);
		}
		return { id: known.id, lease, replaced };
	});
}
