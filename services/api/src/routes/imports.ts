import type { FastifyPluginAsyncTypebox, Static } from "@fastify/type-provider-typebox";
import { importAgain, NewImport } from "../datasets/import-again.js";
import { IdempotencyHeaders, IdParams, problems } from "../http/schemas.js";
import { DatasetView } from "../views/dataset.js";

/** Apart from the other routes of datasets, which take multipart bodies. */
const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.post(
		"/datasets/:id/imports",
		{
			config: { access: ["data"] },
			schema: {
				operationId: "importAgain",
				summary: "Import the files of a failed or cancelled import again, with another rule",
				tags: ["datasets"],
				params: IdParams,
				body: NewImport,
				headers: IdempotencyHeaders,
				response: { 200: DatasetView, 202: DatasetView, ...problems },
			},
		},
		async (request, reply) =>
			(await app.once(request, reply, (remember) =>
				importAgain(app, request.params.id, request.body, remember),
			)) as Static<typeof DatasetView>,
	);
};
export default routes;
