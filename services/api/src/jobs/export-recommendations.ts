// Writes the recommendations of many users into one file. What an attempt has done lies on the disk, and the next goes on from it.
import type { FastifyInstance } from "fastify";
import fp from "fastify-plugin";
import { discardHalfExports, exportKey } from "../artifacts/export-store.js";
import { erasedSince } from "../feeds/erasures.js";
import { type Since, stageSince } from "../feeds/since.js";
import type { ExportFinished, ExportProgress } from "../generated/proto/trainer/v1/trainer.js";
import { RemoteError } from "../grpc.js";
import { sourcesOf } from "../plugins/deployments.js";
import { type Claim, guarded } from "../plugins/jobs.js";
import { perform } from "./ownership.js";

const CONCURRENCY = 1;

export default fp(
	async (app) => {
		app.queue.work("export", CONCURRENCY, async (id, shutdown) => {
			await perform(app, id, shutdown, (claim, signal, heard) => exportRecommendations(app, claim, signal, heard));
			await discardHalfExports(app).catch((err) =>
				app.log.warn({ err }, "what is left of an export waits for the sweep"),
			);
		});
	},
	{ name: "export-recommendations", dependencies: ["queue", "jobs", "trainer", "removals", "machine"] },
);

async function exportRecommendations(
	app: FastifyInstance,
	claim: Claim,
	signal: AbortSignal,
	heard: () => void,
): Promise<void> {
	const { checkpoint, n, format, explain, users, hidden, live } = await app.persist(() =>
		guarded(app, claim, (tx) =>
			tx.export.update({
				where: { id: claim.id },
				data: { artifactKey: exportKey(claim.id) },
				include: { checkpoint: { include: { run: { include: { dataset: true } } } } },
			}),
		),
	);
	if (!checkpoint) throw new RemoteError("checkpoint_missing", "the checkpoint has been removed");
	const asked = users as string[];
	const rows = live === null ? undefined : await stageSince(app, live as unknown as Since, asked, signal, heard);
	const feedId = (live as Since | null)?.feed;
	const { dataset } = checkpoint.run;
	const serves = { deployments: { some: { checkpoint: { run: { datasetId: dataset.id } } } } };
	const feeds = await app.prisma.feed.findMany({
		where: { OR: [serves, ...(feedId === undefined ? [] : [{ id: feedId }])] },
		select: { name: true },
	});
	// Who was erased after the export was asked for is left out, too.
	const erased = await erasedSince(
		app.prisma,
		sourcesOf(
			feeds.map(({ name }) => name),
			dataset,
		),
	);
	const request = {
		exportId: claim.id,
		lease: claim.lease,
		checkpoint: { key: checkpoint.key, sha256: checkpoint.sha256 },
		n,
		format,
		explain,
		users: asked,
		hidden,
		device: app.config.device,
		live: rows,
		erased,
	};
	try {
		for await (const { event } of app.trainer.export(request, signal)) {
			heard();
			if (event?.$case === "progress") await app.persist(() => onProgress(app, claim, event.value));
			if (event?.$case === "finished") return await app.persist(() => onFinished(app, claim, event.value));
		}
	} finally {
		if (rows) await app.removals.discard([rows.uploadKey]);
	}
	throw new RemoteError("trainer_crashed", "the export ended without a result");
}

/** An attempt that repeats what one before it had reached is no progress. */
const onProgress = (app: FastifyInstance, claim: Claim, { usersDone, usersTotal }: ExportProgress) =>
	guarded(app, claim, async (tx) => {
		const { count } = await tx.export.updateMany({
			where: { id: claim.id, OR: [{ usersTotal: null }, { usersDone: { lt: usersDone } }] },
			data: { usersDone, usersTotal },
		});
		if (count > 0) await app.jobs.gotFurther(tx, claim);
	});

const onFinished = (app: FastifyInstance, claim: Claim, finished: ExportFinished) =>
	guarded(app, claim, async (tx) => {
		const { rows, bytes, sha256, users, unknownUsers } = finished;
		await tx.export.update({
			where: { id: claim.id },
			data: { rows, bytes, sha256, unknownUsers, usersDone: users, usersTotal: users },
		});
		await app.jobs.end(tx, claim, "SUCCEEDED");
	});
