// Measures a committed checkpoint under another split or protocol, or on another dataset.
import type { FastifyInstance } from "fastify";
import fp from "fastify-plugin";
import { datasetKey } from "../datasets/dataset-store.js";
import { leftByTest } from "../experiments/user-values.js";
import { RemoteError } from "../grpc.js";
import { type Claim, guarded } from "../plugins/jobs.js";
import { perform } from "./ownership.js";

const CONCURRENCY = 1;

export default fp(
	async (app) => {
		app.queue.work("evaluation", CONCURRENCY, (id, shutdown) =>
			perform(app, id, shutdown, (claim, signal, heard) => evaluate(app, claim, signal, heard)),
		);
	},
	{ name: "evaluate-checkpoint", dependencies: ["queue", "jobs", "trainer", "machine"] },
);

async function evaluate(app: FastifyInstance, claim: Claim, signal: AbortSignal, heard: () => void): Promise<void> {
	const evaluation = await app.persist(() =>
		app.prisma.evaluation.findUniqueOrThrow({ where: { id: claim.id }, include: { checkpoint: true, dataset: true } }),
	);
	const { checkpoint, dataset, split, maskTest, cutoffs, metricNames } = evaluation;
	if (!checkpoint) throw new RemoteError("checkpoint_missing", "the checkpoint has been removed");
	const request = {
		evaluationId: claim.id,
		checkpoint: { key: checkpoint.key, sha256: checkpoint.sha256 },
		split,
		protocol: { maskTest, cutoffs, metrics: metricNames },
		device: app.config.device,
		datasetKey: dataset ? (dataset.artifactKey ?? datasetKey(dataset.digest)) : "",
	};
	for await (const { event } of app.trainer.evaluate(request, signal)) {
		heard();
		if (event?.$case !== "finished") continue;
		const { metrics, users, seconds, learntFrom, unknownItems } = event.value;
		const elsewhere = dataset ? { learntFrom, unknownItems } : {};
		const values = Object.fromEntries(metrics.map(({ name, value }) => [name, Number.isFinite(value) ? value : null]));
		await app.persist(() =>
			guarded(app, claim, async (tx) => {
				await tx.evaluation.update({
					where: { id: claim.id },
					data: { metrics: values, users, seconds, ...elsewhere, ...leftByTest(event.value) },
				});
				await app.jobs.end(tx, claim, "SUCCEEDED");
			}),
		);
		return;
	}
	throw new RemoteError("trainer_crashed", "the evaluation ended without a result");
}
