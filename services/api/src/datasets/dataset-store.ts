// From staged files to the dataset they make: a new one, the one there is, or one whose files must be made again.
import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import { beginSending, refuseSentTooLong } from "../feeds/erasures.js";
import type { Dataset, Job, Prisma } from "../generated/prisma/client.js";
import { digest } from "../http/digest.js";
import { isFinal } from "../plugins/jobs.js";
import { type Transaction, violatesUnique } from "../plugins/prisma.js";
import type { ImportRule } from "./import-rule.js";

export interface StoredFile {
	role: string;
	uploadKey: string;
	displayName: string;
	sha256: string;
	bytes: number;
}

export type Known = Dataset & { job: Job };
export interface Stored {
	id: string;
	/** Of the import to queue; null when the dataset there is needs none. */
	lease: number | null;
	/** Keys that the dataset no longer names. */
	replaced: string[];
}

export const uploadKeys = (files: unknown) => (files as StoredFile[]).map((file) => file.uploadKey);

/**
 * Imports that have made nothing. A dataset that was imported once and could not be imported again is none of them: it
 * may have experiments, and comes back when the same bytes are uploaded again.
 */
export const FAILED_IMPORT = {
	artifactKey: null,
	job: { state: { in: ["FAILED", "CANCELLED"] } },
} satisfies Prisma.DatasetWhereInput;

/**
 * What makes two imports the same: the bytes of their files, their names where the rule goes by them, the rule, with its split, and the
 * name of the feed they are a snapshot of: who is erased from a feed is told its datasets.
 */
export const digestOf = (files: StoredFile[], rule: ImportRule, feed?: string) => {
	const isByName = rule.columns?.files !== undefined;
	const known = files.map(({ role, sha256, displayName }) => `${role} ${sha256}${isByName ? ` ${displayName}` : ""}`);
	return digest({ files: known.sort(), rule, feed });
};

/** Where the trainer keeps what an import makes. */
export const datasetKey = (digest: string) => `datasets/${digest}`;

/** What else is to be true of the dataset, in the transaction that stores it; `isQueued` when it is imported for it. */
export type Settle = (tx: Transaction, id: string, isQueued: boolean) => Promise<void>;

/** Before the first byte of an upload is read. What it gives throws sent_too_long. One that is imported again is of when it was sent first. */
export async function sentNow(app: FastifyInstance): Promise<Settle> {
	const sending = await beginSending(app.prisma);
	const { since } = sending;
	return async (tx, id, isQueued) => {
		if (!isQueued) return;
		refuseSentTooLong(sending);
		await tx.dataset.updateMany({ where: { id, artifactKey: null }, data: { since } });
	};
}

async function store(
	app: FastifyInstance,
	name: string,
	rule: ImportRule,
	files: StoredFile[],
	settle: Settle,
	feed?: string,
): Promise<Stored> {
	const stored = await storeOnce(app, name, rule, files, settle, feed);
	if (stored.lease !== null) return stored;
	const isThere = await app.prisma.$transaction(async (tx) => {
		// While its files were read it may have been deleted.
		if ((await tx.dataset.count({ where: { id: stored.id } })) === 0) return false;
		await settle(tx, stored.id, false);
		return true;
	});
	return isThere ? stored : store(app, name, rule, files, settle, feed);
}

/** Stores a dataset of staged files and queues its import; what is staged for nothing is gone when this ends. */
export async function storeAndQueue(
	app: FastifyInstance,
	name: string,
	rule: ImportRule,
	files: StoredFile[],
	settle: Settle,
	feed?: string,
): Promise<Stored> {
	let stored: Stored | undefined;
	try {
		stored = await store(app, name, rule, files, settle, feed);
	} finally {
		if (stored && stored.lease !== null) await app.removals.carryOut(stored.replaced);
		else await app.removals.discard(uploadKeys(files));
	}
	const { id, lease } = stored;
	if (lease !== null) {
		await app.queue
			.add({ kind: "import", id, lease })
			.catch((err) => app.log.warn({ err }, "waits for the reconciler"));
	}
	return stored;
}

async function storeOnce(
	app: FastifyInstance,
	name: string,
	rule: ImportRule,
	files: StoredFile[],
	settle: Settle,
	feed?: string,
): Promise<Stored> {
	const digest = digestOf(files, rule, feed);
	const known = await app.prisma.dataset.findUnique({ where: { digest }, include: { job: true } });
	if (!known) return create(app, name, digest, rule, files, settle);
	if (!(await isLost(app, known))) return { id: known.id, lease: null, replaced: [] };
	// Experiments may hang on a dataset that was imported once: it keeps its id and is imported again.
	if (known.artifactKey !== null) return reopen(app, known, files, settle);
	return create(app, name, digest, rule, files, settle, known);
}

/** Whether the import has failed, or its files on disk are not what it wrote. */
export async function isLost(app: FastifyInstance, { job, artifactKey }: Known): Promise<boolean> {
	if (!isFinal(job.state)) return false;
	return job.state !== "SUCCEEDED" || !(await app.trainer.isWhole(artifactKey ?? ""));
}

async function create(
	app: FastifyInstance,
	name: string,
	digest: string,
	rule: ImportRule,
	files: StoredFile[],
	settle: Settle,
	failed?: Known,
): Promise<Stored> {
	const id = randomUUID();
	let replaced: string[] = [];
	const data = { id, name, digest, rule: rule as Prisma.InputJsonObject };
	try {
		await app.prisma.$transaction(async (tx) => {
			// As it was seen: it may have been asked for again meanwhile, with this rule or another.
			if (failed && (await removeAsSeen(tx, failed))) replaced = uploadKeys(failed.files);
			await app.jobs.create(tx, [id], "import");
			await tx.dataset.create({ data: { ...data, files: files as unknown as Prisma.InputJsonArray } });
			await app.removals.note(tx, replaced);
			await settle(tx, id, true);
		});
		return { id, lease: 0, replaced };
	} catch (error) {
		// Two uploads of the same bytes at once: the unique digest lets one through.
		const twin = violatesUnique(error) ? await app.prisma.dataset.findUnique({ where: { digest } }) : null;
		if (!twin) throw error;
		return { id: twin.id, lease: null, replaced: [] };
	}
}

/** False when it is no longer as `seen`. */
export async function removeAsSeen(tx: Transaction, { id, digest, job: { state, lease } }: Known): Promise<boolean> {
	return (await tx.job.deleteMany({ where: { id, state, lease, dataset: { digest } } })).count > 0;
}

function reopen(app: FastifyInstance, known: Known, files: StoredFile[], settle: Settle): Promise<Stored> {
	return app.prisma.$transaction(async (tx) => {
		const lease = await app.jobs.reopen(tx, known.job);
		const replaced = lease === null ? [] : uploadKeys(known.files);
		if (lease !== null) {
			const data = { files: files as unknown as Prisma.InputJsonArray, problems: [], problemsTotal: 0 };
			await tx.dataset.update({ where: { id: known.id }, data });
			await app.removals.note(tx, replaced);
			await settle(tx, known.id, true);
		}
		return { id: known.id, lease, replaced };
	});
}
