// Finds out which of several models is better, from the values of single users that their tests have left.
import type { FastifyInstance } from "fastify";
import fp from "fastify-plugin";
import type { StoredGroup } from "../comparisons/compared-group.js";
import { resultOf } from "../comparisons/result.js";
import { datasetKey } from "../datasets/dataset-store.js";
import type { Prisma } from "../generated/prisma/client.js";
import type { CompareFinished, CompareProgress, CompareRequest } from "../generated/proto/trainer/v1/comparing.js";
import type { UserValuesRef } from "../generated/proto/trainer/v1/measures.js";
import { RemoteError } from "../grpc.js";
import { type Claim, guarded } from "../plugins/jobs.js";
import { perform } from "./ownership.js";

const CONCURRENCY = 1;

export default fp(
	async (app) => {
		app.queue.work("comparison", CONCURRENCY, (id, shutdown) =>
			perform(app, id, shutdown, (claim, signal, heard) => compare(app, claim, signal, heard)),
		);
	},
	{ name: "compare-runs", dependencies: ["queue", "jobs", "trainer", "catalogue", "machine"] },
);

async function compare(app: FastifyInstance, claim: Claim, signal: AbortSignal, heard: () => void): Promise<void> {
	const closed = await app.catalogue.able("closed_form");
	const request = await app.persist(() => requestOf(app, claim.id, closed));
	for await (const { event } of app.trainer.compare(request, signal)) {
		heard();
		if (event?.$case === "progress") await app.persist(() => onProgress(app, claim, event.value));
		if (event?.$case === "finished") return await app.persist(() => onFinished(app, claim, event.value));
	}
	throw new RemoteError("trainer_crashed", "the comparison ended without a result");
}

/** Its runs are all there: none is deleted while it is open. */
async function requestOf(app: FastifyInstance, id: string, closed: string[]): Promise<CompareRequest> {
	const { dataset, runs, groups, baseline, metrics, draws, seed } = await app.prisma.comparison.findUniqueOrThrow({
		where: { id },
		include: { dataset: true, runs: true },
	});
	const valuesOf = new Map(runs.map(({ runId, values }) => [runId, values as unknown as UserValuesRef]));
	return {
		comparisonId: id,
		datasetKey: dataset.artifactKey ?? datasetKey(dataset.digest),
		groups: (groups as unknown as StoredGroup[]).map((group) => ({
			name: group.name,
			runs: group.runs.map((run) => ({ runId: run.id, seed: run.seed, values: valuesOf.get(run.id) })),
			closedForm: closed.includes(group.model),
		})),
		baseline: baseline ?? -1,
		metrics,
		draws,
		seed,
	};
}

const onProgress = (app: FastifyInstance, claim: Claim, { done, total }: CompareProgress) =>
	guarded(app, claim, (tx) =>
		tx.comparison.update({ where: { id: claim.id }, data: { done, total }, select: { id: true } }),
	);

const onFinished = (app: FastifyInstance, claim: Claim, finished: CompareFinished) =>
	guarded(app, claim, async (tx) => {
		const result = resultOf(finished) as unknown as Prisma.InputJsonObject;
		await tx.comparison.update({ where: { id: claim.id }, data: { result }, select: { id: true } });
		await tx.$executeRaw`UPDATE comparisons SET done = total WHERE id = ${claim.id}::uuid`;
		await app.jobs.end(tx, claim, "SUCCEEDED");
	});
