// The dataset that a request names, once it can be trained and measured on.
import type { FastifyInstance } from "fastify";
import { ApiError } from "../http/errors.js";

/** Throws unknown_dataset or dataset_not_ready, pointing at /dataset. */
export async function readyDataset(app: FastifyInstance, id: string) {
	const dataset = await app.prisma.dataset.findUnique({ where: { id }, include: { job: true } });
	const splitDigest = dataset?.splitDigest;
	if (!dataset) throw refused("unknown_dataset", "is not known");
	if (dataset.job.state !== "SUCCEEDED" || !splitDigest) throw refused("dataset_not_ready", `is ${dataset.job.state}`);
	return { ...dataset, splitDigest };
}

/** Between the question and the transaction that would have named it. */
export const datasetGone = () => refused("unknown_dataset", "has just been deleted");

function refused(code: "unknown_dataset" | "dataset_not_ready", message: string): ApiError {
	return new ApiError(code, `The dataset ${message}.`, [{ pointer: "/dataset", code, message }]);
}
