// Measures a committed checkpoint under another split, mask rule or cut-offs.
import type { FastifyInstance } from "fastify";
import fp from "fastify-plugin";
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
	{ name: "evaluate-checkpoint", dependencies: ["queue", "jobs", "trainer"] },
);

async function evaluate(app: FastifyInstance, claim: Claim, signal: AbortSignal, heard: () => void): Promise<void> {
	const evaluation = await app.persist(() =>
		app.prisma.evaluation.findUniqueOrThrow({ where: { id: claim.id }, include: { checkpoint: true } }),
	);
	const { checkpoint, split, maskTest, cutoffs } = evaluation;
	if (!checkpoint) throw new RemoteError("checkpoint_missing", "the checkpoint has been removed");
	const request = {
		evaluationId: claim.id,
		checkpoint: { key: checkpoint.key, sha256: checkpoint.sha256 },
		split,
		protocol: { maskTest, cutoffs },
		device: app.config.device,
	};
	for await (const { event } of app.trainer.evaluate(request, signal)) {
		heard();
		if (event?.$case !== "finished") continue;
		const { metrics, users, seconds } = event.value;
		const values = Object.fromEntries(metrics.map(({ name, value }) => [name, Number.isFinite(value) ? value : null]));
		await app.persist(() =>
			guarded(app, claim, async (tx) => {
				await tx.evaluation.update({ where: { id: claim.id }, data: { metrics: values, users, seconds } });
				await app.jobs.end(tx, claim, "SUCCEEDED");
			}),
		);
		return;
	}
	throw new RemoteError("trainer_crashed", "the evaluation ended without a result");
}
