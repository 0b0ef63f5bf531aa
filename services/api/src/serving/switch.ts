// What is served under a name: warmed first, then switched in one transaction with the line of history that says why.
import type { FastifyInstance } from "fastify";
import { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import type { Fallback } from "../http/schemas.js";
import { announceDeployment } from "../plugins/deployments.js";
import { isFinal } from "../plugins/jobs.js";
import { type Transaction, violatesForeignKey } from "../plugins/prisma.js";
import { catalogueOf } from "./vocabulary.js";

const include = {
	run: { include: { job: true, experiment: true, dataset: true } },
} as const satisfies Prisma.CheckpointInclude;
export type Servable = Prisma.CheckpointGetPayload<{ include: typeof include }>;

/** Why something is deployed, as its history tells. */
export interface Cause {
	by: string | null;
	cause: "deploy" | "refresh" | "rollback";
	reason: string | null;
	/** The refresh that did it, and its verdict. */
	refresh?: { id: string; numbers: Prisma.InputJsonObject };
}
/** Of the deployment; what is left out stays as it is. */
export interface Settings {
	fallback?: Fallback;
	feedId?: number | null;
}
interface LeavesOut extends Prisma.InputJsonObject {
	interactions: number;
	items: number;
}

/** Null where there is none. Throws conflict while its run goes on: that one prunes its checkpoints from the disk. */
export async function servable(app: FastifyInstance, id: string, pointer: string): Promise<Servable | null> {
	const checkpoint = await app.prisma.checkpoint.findUnique({ where: { id }, include });
	if (checkpoint && !isFinal(checkpoint.run.job.state)) {
		throw new ApiError("conflict", "Its run is still training; wait for its end, or cancel it.", [
			{ pointer, code: "not_allowed", message: "is not final" },
		]);
	}
	return checkpoint;
}

/** Has the recommenders load it; what it has not learnt from. Throws what one of them answers. */
export async function warm(app: FastifyInstance, { key, sha256 }: Servable): Promise<LeavesOut> {
	const { leftOutInteractions, leftOutItems } = await app.recommender.warm({ key, sha256 });
	return { interactions: leftOutInteractions, items: leftOutItems };
}

/** In a transaction: the deployment, its history, and word of it to every process. */
export async function switchTo(
	tx: Transaction,
	name: string,
	{ id, epoch, run }: Servable,
	leavesOut: LeavesOut,
	{ by, cause, reason, refresh }: Cause,
	settings: Settings = {},
): Promise<void> {
	const served = { checkpointId: id, deployedAt: new Date() };
	const target = { ...served, leavesOut, ...settings };
	await tx.deployment.upsert({ where: { name }, create: { name, ...target }, update: target });
	const { id: runId, model, experiment, dataset } = run;
	const told = { runId, model, epoch, experimentName: experiment.name, datasetName: dataset.name };
	const why = { by, cause, reason, refreshId: refresh?.id ?? null, numbers: refresh?.numbers ?? Prisma.DbNull };
	await tx.deploymentHistory.create({ data: { deploymentName: name, ...served, ...told, ...why } });
	await announceDeployment(tx, name);
}

/** Warms and switches; once it resolves this process answers by it. Throws conflict where the checkpoint or the feed has just gone. */
export async function deploy(
	app: FastifyInstance,
	name: string,
	checkpoint: Servable,
	why: Cause,
	settings: Settings,
	pointer: string,
	/** Before anything is written, in the same transaction. */
	before: (tx: Transaction) => Promise<void> = async () => undefined,
): Promise<void> {
	const { id, key, sha256, run } = checkpoint;
	const leavesOut = await warm(app, checkpoint);
	// So that nobody waits for it after the switch.
	await app.serving.vocabulary(catalogueOf(run), { key, sha256 });
	const switched = app.prisma.$transaction(async (tx) => {
		await before(tx);
		await switchTo(tx, name, checkpoint, leavesOut, why, settings);
	});
	await switched.catch(async (error) => {
		if (!violatesForeignKey(error)) throw error;
		const isThere = (await app.prisma.checkpoint.count({ where: { id } })) > 0;
		if (isThere) throw new ApiError("conflict", "The feed has just been deleted.");
		throw new ApiError("conflict", "The checkpoint has just been deleted.", [
			{ pointer, code: "not_allowed", message: "is not there any more" },
		]);
	});
	await app.deployments.refresh();
	const deployed = app.deployments.get(name);
	if (deployed) await app.live.ready(deployed);
}

/** What a rollback goes back to: of what the name has served, the newest that is another than now and still there. */
export async function earlierCheckpoint(tx: Transaction, name: string): Promise<string | null> {
	const [found] = await tx.$queryRaw<{ id: string }[]>`
		SELECT h.checkpoint_id AS id FROM deployment_history h JOIN deployments d ON d.name = h.deployment_name
		WHERE d.name = ${name} AND h.checkpoint_id IS NOT NULL AND h.checkpoint_id <> d.checkpoint_id ORDER BY h.id DESC LIMIT 1`;
	return found?.id ?? null;
}
