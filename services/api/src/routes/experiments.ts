import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { forgetExperiments } from "../artifacts/deletion.js";
import { ExperimentEstimate, estimateExperiment } from "../estimates/asked.js";
import { launch, NewExperiment } from "../experiments/launch.js";
import { isDue } from "../experiments/refit.js";
import type { Prisma } from "../generated/prisma/client.js";
import { after, newestFirst, pageOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { IdempotencyHeaders, IdParams, page, pageQuery, problems, State, Text, UuidOf } from "../http/schemas.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import {
	EXPERIMENT_STATE,
	ExperimentView,
	experimentInclude,
	experimentViews,
	WholeExperiment,
	wholeExperiment,
} from "../views/experiment.js";

/** Cancels of one experiment under way at once; the database has ten connections. */
const AT_ONCE = 4;

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	app.post(
		"/experiments",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "createExperiment",
				summary: "Launch an experiment: models × grid × seeds on one dataset",
				tags: ["experiments"],
				body: NewExperiment,
				headers: IdempotencyHeaders,
				response: { 202: WholeExperiment, ...problems },
			},
		},
		async (request, reply) =>
			(await app.once(request, reply, (remember) => launch(app, request.body, remember))) as Static<
				typeof WholeExperiment
			>,
	);

	app.post(
		"/experiments/estimate",
		{
			config: { access: ["train"], audit: false },
			schema: {
				operationId: "estimateExperiment",
				summary: "What an experiment would take, or why it would be refused; nothing is launched",
				tags: ["experiments"],
				body: NewExperiment,
				response: { 200: ExperimentEstimate, ...problems },
			},
		},
		async (request) => estimateExperiment(app, request.body),
	);

	app.get(
		"/experiments",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "listExperiments",
				summary: "Experiments, newest first",
				tags: ["experiments"],
				querystring: pageQuery({
					state: Type.Optional(State),
					dataset: Type.Optional(UuidOf("Only on this one.")),
					model: Type.Optional(Text(100, "Only with this one.")),
				}),
				response: { 200: page(ExperimentView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, state, dataset, model } = request.query;
			const inState = state
				? await prisma.$queryRaw<{ id: string }[]>`
					SELECT r.experiment_id AS id FROM runs r JOIN jobs j ON j.id = r.id
					WHERE r.refit_of_id IS NULL GROUP BY r.experiment_id HAVING ${EXPERIMENT_STATE} = ${state}`
				: null;
			const query = {
				where: {
					...after(cursor),
					...(dataset && { datasetId: dataset }),
					...(model && { runs: { some: { model } } }),
					...(inState && { id: { in: inState.map((row) => row.id) } }),
				},
				include: experimentInclude,
				orderBy: [...newestFirst],
				take: limit + 1,
			};
			return prisma.$transaction(async (tx) => {
				const rows = await tx.experiment.findMany(query);
				const { items, nextCursor } = pageOf(rows, limit, (row) => row);
				return { items: await experimentViews(tx, items), nextCursor };
			}, AT_ONE_MOMENT);
		},
	);

	const whole = (id: string) => prisma.$transaction((tx) => wholeExperiment(tx, id), AT_ONE_MOMENT);
	const one = { tags: ["experiments"], params: IdParams };
	app.get(
		"/experiments/:id",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "getExperiment",
				summary: "One experiment with its runs and groups over seeds",
				response: { 200: WholeExperiment, ...problems },
			},
		},
		async (request) => whole(request.params.id),
	);

	app.post(
		"/experiments/:id/cancel",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "cancelExperiment",
				summary: "Cancel every open run, refit and evaluation; nothing is refit any more by itself",
				response: { 202: WholeExperiment, ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const job = { state: { in: ["QUEUED", "RUNNING"] } } satisfies Prisma.JobWhereInput;
			const select = { id: true };
			const allOpen = async () => [
				...(await prisma.run.findMany({ where: { experimentId: id, job }, select, orderBy: { position: "desc" } })),
				...(await prisma.evaluation.findMany({ where: { run: { experimentId: id }, job }, select })),
			];
			if ((await allOpen()).length === 0 && !(await isDue(app, id))) {
				await whole(id);
				throw new ApiError("conflict", "Every run and evaluation of this experiment is final.");
			}
			await prisma.experiment.updateMany({ where: { id }, data: { refit: false } });
			// Only now: what was refit before that is among them.
			const open = await allOpen();
			while (open.length > 0) await Promise.all(open.splice(0, AT_ONCE).map((one) => app.jobs.requestCancel(one.id)));
			return reply.code(202).send(await whole(id));
		},
	);

	app.delete(
		"/experiments/:id",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "deleteExperiment",
				summary: "Delete a finished experiment with its checkpoints",
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			await app.removals.forget((tx) => forgetExperiments(tx, [id]), "A checkpoint of it has just been deployed.");
			return reply.code(204).send(null);
		},
	);
};
export default routes;
