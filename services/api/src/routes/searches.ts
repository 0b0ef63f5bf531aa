import type { FastifyPluginAsyncTypebox, Static } from "@fastify/type-provider-typebox";
import { IdempotencyHeaders, IdParams, problems } from "../http/schemas.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import { Confirmation, confirm, NewConfirmation } from "../searches/confirmation.js";
import { importanceOf } from "../searches/importance.js";
import { SearchDetail, SearchImportance, searchDetail } from "../views/search.js";

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const one = { tags: ["experiments"], params: IdParams };

	app.get(
		"/searches/:id",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "getSearch",
				summary: "One search with its trials",
				response: { 200: SearchDetail, ...problems },
			},
		},
		async ({ params }) => app.prisma.$transaction((tx) => searchDetail(tx, params.id), AT_ONE_MOMENT),
	);

	app.get(
		"/searches/:id/importance",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "getSearchImportance",
				summary: "Which fields of a search matter",
				response: { 200: SearchImportance, ...problems },
			},
		},
		async ({ params }) => importanceOf(app, params.id),
	);

	app.post(
		"/searches/:id/confirm",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "confirmSearch",
				summary:
					"Train the winner of a search that is over with fresh seeds, and refit it; asked again with the seeds of the last time, it is the same experiment while any run of that may succeed or has",
				body: NewConfirmation,
				headers: IdempotencyHeaders,
				response: { 202: Confirmation, ...problems },
			},
		},
		async (request, reply) =>
			(await app.once(request, reply, (remember) => confirm(app, request.params.id, request.body, remember))) as Static<
				typeof Confirmation
			>,
	);
};
export default routes;
