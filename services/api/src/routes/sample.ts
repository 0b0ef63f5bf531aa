import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { digestOf, isLost, type Stored, sentNow, storeAndQueue } from "../datasets/dataset-store.js";
import { completeRule } from "../datasets/import-rule.js";
import { problems } from "../http/schemas.js";
import { DatasetView, datasetInclude, datasetView } from "../views/dataset.js";

const NAME = "sample";

/** A dataset for who has no file at hand: generated, with topics planted in it. */
const routes: FastifyPluginAsyncTypebox = async (app) => {
	/** Of the sample that this process has had made before, so that the next one asked for need not be. */
	let digest: string | undefined;

	async function known(): Promise<Pick<Stored, "id" | "lease"> | null> {
		if (digest === undefined) return null;
		const dataset = await app.prisma.dataset.findUnique({ where: { digest }, include: { job: true } });
		return dataset && !(await isLost(app, dataset)) ? { id: dataset.id, lease: null } : null;
	}

	async function made(): Promise<Stored> {
		const sent = await sentNow(app);
		const files = await app.trainer.stageSample();
		const roles = files.map(({ role }) => role);
		const rule = completeRule({}, roles);
		digest = digestOf(files, rule);
		return storeAndQueue(app, NAME, rule, files, sent);
	}

	app.post(
		"/datasets/sample",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "importSample",
				summary: "Import the built-in sample; 200 with the one there is, if it is whole",
				tags: ["datasets"],
				response: { 200: DatasetView, 202: DatasetView, ...problems },
			},
		},
		async (_request, reply) => {
			const { id, lease } = (await known()) ?? (await made());
			reply.code(lease === null ? 200 : 202).header("location", `/datasets/${id}`);
			return datasetView(await app.prisma.dataset.findUniqueOrThrow({ where: { id }, include: datasetInclude }));
		},
	);
};
export default routes;
