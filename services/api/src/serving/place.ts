// Which checkpoint a request asks: by its id, or what is deployed under a name, which costs no question to the database.
import type { FastifyInstance } from "fastify";
import { ApiError } from "../http/errors.js";
import type { Place } from "./question.js";
import { catalogueOf, type Vocabulary } from "./vocabulary.js";

export async function place(app: FastifyInstance, asked: { deployment: string; checkpoint?: string }): Promise<Place> {
	const { deployment, checkpoint: id } = asked;
	if (!id) {
		const deployed = app.deployments.get(deployment);
		if (!deployed) {
			throw new ApiError(
				"nothing_deployed",
				`Nothing is deployed as ${deployment}; PUT /deployments/${deployment} deploys a checkpoint.`,
			);
		}
		const { ref, checkpoint: answered, datasetId, catalogue, sources } = deployed;
		return { ref, answered, datasetId, catalogue, sources, deployed };
	}
	const row = await app.prisma.checkpoint.findUnique({
		where: { id },
		include: { run: { include: { dataset: true } } },
	});
	if (!row) throw new ApiError("not_found", "There is no checkpoint with this id.");
	const { key, sha256, runId, epoch, run } = row;
	return {
		ref: { key, sha256 },
		answered: { id, runId, model: run.model, epoch },
		datasetId: run.datasetId,
		catalogue: catalogueOf(run),
		sources: app.deployments.sourcesOf(run.dataset),
		deployed: null,
	};
}

export async function vocabularyOf(app: FastifyInstance, { deployed, catalogue, ref }: Place): Promise<Vocabulary> {
	return deployed ? (await app.serving.of(deployed)).vocabulary : app.serving.vocabulary(catalogue, ref);
}
