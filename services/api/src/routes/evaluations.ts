import type { FastifyPluginAsyncTypebox, Static } from "@fastify/type-provider-typebox";
import { evaluate, NewEvaluation } from "../experiments/evaluation.js";
import { ApiError } from "../http/errors.js";
import { IdempotencyHeaders, IdParams, listOf, problems } from "../http/schemas.js";
import type { Remember } from "../plugins/idempotency.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import { EvaluationView, evaluationInclude, evaluationView } from "../views/evaluation.js";

const MOST_EVALUATIONS = 100;

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	const one = { tags: ["runs"], params: IdParams };

	app.post(
		"/runs/:id/evaluations",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "createEvaluation",
				summary:
					"Measure a checkpoint of the run under another split, mask rule, metrics or cut-offs, or on another dataset",
				body: NewEvaluation,
				headers: IdempotencyHeaders,
				response: { 202: EvaluationView, ...problems },
			},
		},
		async (request, reply) => {
			const measure = (remember: Remember) => evaluate(app, request.params.id, request.body, remember);
			return (await app.once(request, reply, measure)) as Static<typeof EvaluationView>;
		},
	);

	app.get(
		"/runs/:id/evaluations",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "listEvaluations",
				summary: "The run's latest evaluations, newest first",
				response: { 200: listOf(EvaluationView), ...problems },
			},
		},
		async (request) => {
			const { id } = request.params;
			if (!(await prisma.run.findUnique({ where: { id }, select: { id: true } }))) {
				throw new ApiError("not_found", "There is no run with this id.");
			}
			const rows = await prisma.$transaction(
				(tx) =>
					tx.evaluation.findMany({
						where: { runId: id },
						include: evaluationInclude,
						orderBy: [{ job: { createdAt: "desc" } }, { id: "desc" }],
						take: MOST_EVALUATIONS,
					}),
				AT_ONE_MOMENT,
			);
			return { items: rows.map(evaluationView) };
		},
	);

	async function view(id: string) {
		const query = { where: { id }, include: evaluationInclude };
		const row = await prisma.$transaction((tx) => tx.evaluation.findUnique(query), AT_ONE_MOMENT);
		if (!row) throw new ApiError("not_found", "There is no evaluation with this id.");
		return evaluationView(row);
	}

	app.get(
		"/evaluations/:id",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "getEvaluation",
				summary: "One evaluation",
				response: { 200: EvaluationView, ...problems },
			},
		},
		async (request) => view(request.params.id),
	);

	app.post(
		"/evaluations/:id/cancel",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "cancelEvaluation",
				summary: "Cancel an evaluation",
				response: { 202: EvaluationView, ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const { state } = await view(id);
			if (!(await app.jobs.requestCancel(id))) throw new ApiError("conflict", `The evaluation is ${state} already.`);
			return reply.code(202).send(await view(id));
		},
	);
};
export default routes;
