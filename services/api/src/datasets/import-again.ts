// The staged files of a failed or cancelled import, imported again with another rule: no second upload.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import type { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { Text } from "../http/schemas.js";
import type { Answer, Remember } from "../plugins/idempotency.js";
import { isFinal } from "../plugins/jobs.js";
import { type Transaction, violatesUnique } from "../plugins/prisma.js";
import { datasetInclude, datasetView, type OfFeed } from "../views/dataset.js";
import {
	datasetKey,
	digestOf,
	isLost,
	type Known,
	removeAsSeen,
	type StoredFile,
	uploadKeys,
} from "./dataset-store.js";
import { completeRule, ImportRule, mayHoldParts } from "./import-rule.js";

export const NewImport = Type.Object(
	{ rule: ImportRule, name: Type.Optional(Text(200)) },
	{ title: "NewImport", additionalProperties: false },
);

interface Reopened {
	id: string;
	lease: number;
	/** Keys that no dataset names any more. */
	replaced: string[];
}

/** Throws not_found; conflict when there is nothing to import again; invalid_request where the rule does not fit the files. */
export async function importAgain(
	app: FastifyInstance,
	id: string,
	{ rule: asked, name }: Static<typeof NewImport>,
	remember: Remember,
): Promise<Answer> {
	const include = { job: true } as const;
	const known = await app.prisma.dataset.findUnique({ where: { id }, include });
	if (!known) throw new ApiError("not_found", "There is no dataset with this id.");
	const files = known.files as unknown as StoredFile[];
	refuseWhatIsNotOver(known);
	const rule = completeRule(
		asked,
		files.map((file) => file.role),
		mayHoldParts(files),
	);
	const digest = digestOf(files, rule, (known.feed as OfFeed | null)?.name);
	if (known.artifactKey !== null && digest !== known.digest) {
		throw new ApiError("conflict", "It was imported once and experiments may be on it, so its rule stays.");
	}
	if ((await app.trainer.missingUploads(uploadKeys(files))).length > 0) {
		throw new ApiError("conflict", "Its uploaded files are no longer there; upload them again.");
	}
	const twin = digest === known.digest ? null : await app.prisma.dataset.findUnique({ where: { digest }, include });
	const answer = async (tx: Transaction, status: number, of: string) => {
		const row = await tx.dataset.findUniqueOrThrow({ where: { id: of }, include: datasetInclude });
		const made = { status, location: `/datasets/${of}`, body: datasetView(row) };
		await remember(tx, made);
		return made;
	};
	if (twin && !(await isLost(app, twin))) return app.prisma.$transaction((tx) => answer(tx, 200, twin.id));

	let reopened: Reopened | null = null;
	const changes = { rule: rule as Prisma.InputJsonObject, digest, ...(name !== undefined && { name }) };
	const stored = app.prisma.$transaction(async (tx) => {
		// In one order, so that two that want each other's digest do not wait for each other.
		const ids = [id, ...(twin ? [twin.id] : [])];
		await tx.$executeRaw`SELECT 1 FROM jobs WHERE id = ANY(${ids}::uuid[]) ORDER BY id FOR UPDATE`;
		// Experiments may hang on a twin that was imported once: it keeps its id, and takes the files over.
		const hasHeir = twin !== null && twin.artifactKey !== null;
		reopened = hasHeir ? await handOver(app, tx, known, twin) : await reopen(app, tx, known, twin, changes);
		await app.removals.note(tx, reopened.replaced);
		return answer(tx, 202, reopened.id);
	});
	const made = await stored.catch((error) => {
		// Another import has taken the digest meanwhile.
		if (violatesUnique(error)) return null;
		throw error;
	});
	if (!made) return importAgain(app, id, { rule: asked, ...(name !== undefined && { name }) }, remember);
	const { id: queued, lease, replaced } = reopened as unknown as Reopened;
	await app.removals.carryOut(replaced);
	await app.queue
		.add({ kind: "import", id: queued, lease })
		.catch((err) => app.log.warn({ err }, "waits for the reconciler"));
	return made;
}

function refuseWhatIsNotOver({ job: { state } }: Known): void {
	if (!isFinal(state)) throw new ApiError("conflict", `Its import is ${state}; cancel it first.`);
	if (state !== "SUCCEEDED") return;
	throw new ApiError("conflict", "It has been imported, and its files are not kept; upload them with another rule.");
}

const changed = () => new ApiError("conflict", "Somebody else has just imported or deleted it; look at it again.");

/** Under its id, with the new rule; a failed twin makes room. */
async function reopen(
	app: FastifyInstance,
	tx: Transaction,
	known: Known,
	twin: Known | null,
	changes: Prisma.DatasetUpdateInput & { digest: string },
): Promise<Reopened> {
	if (twin && !(await removeAsSeen(tx, twin))) throw changed();
	const lease = await app.jobs.reopen(tx, known.job);
	if (lease === null) throw changed();
	await tx.dataset.update({ where: { id: known.id }, data: { ...changes, problems: [], problemsTotal: 0 } });
	// What the former attempt left half-written lies under its own digest.
	const former = changes.digest === known.digest ? [] : [datasetKey(known.digest)];
	return { id: known.id, lease, replaced: [...(twin ? uploadKeys(twin.files) : []), ...former] };
}

/** The twin is imported again from these files, and the failed import is over. */
async function handOver(app: FastifyInstance, tx: Transaction, known: Known, twin: Known): Promise<Reopened> {
	const lease = await app.jobs.reopen(tx, twin.job);
	if (lease === null || !(await removeAsSeen(tx, known))) throw changed();
	const files = known.files as Prisma.InputJsonArray;
	await tx.dataset.update({ where: { id: twin.id }, data: { files, problems: [], problemsTotal: 0 } });
	return { id: twin.id, lease, replaced: [...uploadKeys(twin.files), datasetKey(known.digest)] };
}
