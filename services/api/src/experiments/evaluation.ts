// From a request to the row of an evaluation: a checkpoint measured once more, under another rule or on another dataset.
import { randomUUID } from "node:crypto";
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { ApiError } from "../http/errors.js";
import { Cutoffs, MaskTest, MetricNames, Uuid, UuidOf } from "../http/schemas.js";
import type { Answer, Remember } from "../plugins/idempotency.js";
import { isFinal } from "../plugins/jobs.js";
import { violatesForeignKey } from "../plugins/prisma.js";
import { evaluationInclude, evaluationView } from "../views/evaluation.js";
import { protocolHash } from "./protocol.js";
import { readyDataset } from "./ready-dataset.js";

export const NewEvaluation = Type.Object(
	{
		checkpoint: Type.Optional(Uuid),
		dataset: Type.Optional(
			UuidOf(
				"Measured on this one instead of the run's own, matched by ids and with everybody folded in; only for models with fold_in.",
			),
		),
		split: Type.Enum(["valid", "test"], { type: "string", default: "test" }),
		maskTest: Type.Optional(MaskTest),
		cutoffs: Type.Optional(Cutoffs),
		metrics: Type.Optional(MetricNames("those of the run")),
	},
	{ title: "NewEvaluation", additionalProperties: false },
);

export async function evaluate(
	app: FastifyInstance,
	runId: string,
	{ checkpoint: checkpointId, dataset: datasetId, split, maskTest, cutoffs, metrics }: Static<typeof NewEvaluation>,
	remember: Remember,
): Promise<Answer> {
	const { prisma } = app;
	const run = await prisma.run.findUnique({
		where: { id: runId },
		include: { experiment: true, dataset: true, job: true },
	});
	if (!run) throw new ApiError("not_found", "There is no run with this id.");
	const other = datasetId && datasetId !== run.datasetId ? await readyDataset(app, datasetId) : null;
	if (run.refitOfId && !other) {
		throw new ApiError(
			"conflict",
			`A refit has seen what it would be measured on; run ${run.refitOfId} vouches for it.`,
		);
	}
	if (other) await refuseWithoutFoldIn(app, run.model);
	// A run under way prunes its checkpoints from the disk as it goes on.
	if (!isFinal(run.job.state)) throw new ApiError("conflict", "The run is still training; wait for its end.");
	const checkpoint = await prisma.checkpoint.findFirst({
		where: { runId, ...(checkpointId ? { id: checkpointId } : { isBest: true }) },
	});
	if (!checkpoint) {
		const removed = run.checkpointsRemovedAt ? " any more: the keep rule of its experiment has removed some" : "";
		throw new ApiError("conflict", `The run has no such checkpoint${removed}.`);
	}
	const id = randomUUID();
	const protocol = {
		maskTest: maskTest ?? run.experiment.maskTest,
		cutoffs: cutoffs ?? run.experiment.cutoffs,
		metrics: metrics ? await app.catalogue.inOrder(metrics, "/metrics") : run.experiment.metrics,
	};
	const { metrics: metricNames, ...rule } = protocol;
	const hash = protocolHash((other ?? run.dataset).splitDigest ?? "", protocol);
	const measured = { runId, checkpointId: checkpoint.id, epoch: checkpoint.epoch, datasetId: other?.id ?? null };
	const store = prisma.$transaction(async (tx) => {
		await app.jobs.create(tx, [id], "evaluation");
		const row = await tx.evaluation.create({
			data: { id, ...measured, split, ...rule, metricNames, protocolHash: hash },
			include: evaluationInclude,
		});
		const made = { status: 202, location: `/evaluations/${id}`, body: evaluationView(row) };
		await remember(tx, made);
		return made;
	});
	const answer = await store.catch((error) => {
		const what = other ? "checkpoint or the dataset" : "checkpoint";
		if (violatesForeignKey(error)) throw new ApiError("conflict", `The ${what} has just been removed.`);
		throw error;
	});
	await app.queue
		.add({ kind: "evaluation", id, lease: 0 })
		.catch((err) => app.log.warn({ err }, "waits for the reconciler"));
	return answer;
}

/** It knows nobody of another dataset but by what they have met. */
async function refuseWithoutFoldIn(app: FastifyInstance, model: string): Promise<void> {
	const canFoldIn = ({ capabilities }: { capabilities: string[] }) => capabilities.includes("fold_in");
	if (canFoldIn(await app.catalogue.find(model, "/dataset"))) return;
	const able = (await app.catalogue.models()).filter(canFoldIn).map(({ name }) => name);
	const message = `cannot be measured on a dataset that it was not trained on. These models can: ${able.join(", ")}`;
	throw new ApiError("fold_in_unsupported", `${model} ${message}.`, [
		{ pointer: "/dataset", code: "fold_in_unsupported", message },
	]);
}
