import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { after, newestFirst, pageOf } from "../cursor.js";
import { ApiError } from "../errors.js";
import type { Prisma } from "../generated/prisma/client.js";
import { launch, NewExperiment } from "../launch.js";
import { isFinal } from "../plugins/jobs.js";
import type { Transaction } from "../plugins/prisma.js";
import { IdempotencyHeaders, IdParams, page, pageQuery, problems, State, Text, Uuid } from "../schemas.js";
import {
	EXPERIMENT_STATE,
	ExperimentView,
	experimentInclude,
	experimentViews,
	wholeExperiment,
} from "../views/experiment.js";

/** Cancels of one experiment under way at once; the database has ten connections. */
const AT_ONCE = 4;

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;

	app.post(
		"/experiments",
		{
			schema: {
				summary: "Launch an experiment: models × grid × seeds on one dataset",
				tags: ["experiments"],
				body: NewExperiment,
				headers: IdempotencyHeaders,
				response: { 202: ExperimentView, ...problems },
			},
		},
		async (request, reply) =>
			(await app.once(request, reply, (remember) => launch(app, request.body, remember))) as Static<
				typeof ExperimentView
			>,
	);

	app.get(
		"/experiments",
		{
			schema: {
				summary: "Experiments, newest first",
				tags: ["experiments"],
				querystring: pageQuery({
					state: Type.Optional(State),
					dataset: Type.Optional(Uuid),
					model: Type.Optional(Text(100)),
				}),
				response: { 200: page(ExperimentView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, state, dataset, model } = request.query;
			const inState = state
				? await prisma.$queryRaw<{ id: string }[]>`
					SELECT r.experiment_id AS id FROM runs r JOIN jobs j ON j.id = r.id
					GROUP BY r.experiment_id HAVING ${EXPERIMENT_STATE} = ${state}`
				: null;
			const rows = await prisma.experiment.findMany({
				where: {
					...after(cursor),
					...(dataset && { datasetId: dataset }),
					...(model && { runs: { some: { model } } }),
					...(inState && { id: { in: inState.map((row) => row.id) } }),
				},
				include: experimentInclude,
				orderBy: [...newestFirst],
				take: limit + 1,
			});
			const { items, nextCursor } = pageOf(rows, limit, (row) => row);
			return { items: await experimentViews(prisma, items), nextCursor };
		},
	);

	const one = { tags: ["experiments"], params: IdParams };
	app.get(
		"/experiments/:id",
		{
			schema: {
				...one,
				summary: "One experiment with its runs and groups over seeds",
				response: { 200: ExperimentView, ...problems },
			},
		},
		async (request) => wholeExperiment(prisma, request.params.id),
	);

	app.post(
		"/experiments/:id/cancel",
		{
			schema: {
				...one,
				summary: "Cancel every open run and evaluation",
				response: { 202: ExperimentView, ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const job = { state: { in: ["QUEUED", "RUNNING"] } } satisfies Prisma.JobWhereInput;
			const select = { id: true };
			const open = [
				...(await prisma.run.findMany({ where: { experimentId: id, job }, select, orderBy: { position: "desc" } })),
				...(await prisma.evaluation.findMany({ where: { run: { experimentId: id }, job }, select })),
			];
			if (open.length === 0) {
				await wholeExperiment(prisma, id);
				throw new ApiError("conflict", "Every run and evaluation of this experiment is final.");
			}
			while (open.length > 0) await Promise.all(open.splice(0, AT_ONCE).map((one) => app.jobs.requestCancel(one.id)));
			return reply.code(202).send(await wholeExperiment(prisma, id));
		},
	);

	app.delete(
		"/experiments/:id",
		{
			schema: {
				...one,
				summary: "Delete a finished experiment with its checkpoints",
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			await app.removals.forget(async (tx) => {
				const runs = await removeRows(tx, request.params.id);
				return runs.map((id) => `runs/${id}`);
			}, "A checkpoint of it has just been deployed.");
			return reply.code(204).send(null);
		},
	);
};
export default routes;

/** Returns the ids of its runs. Throws conflict while work is open or a checkpoint is named by a deployment. */
async function removeRows(tx: Transaction, id: string): Promise<string[]> {
	if (!(await tx.experiment.findUnique({ where: { id } }))) {
		throw new ApiError("not_found", "There is no experiment with this id.");
	}
	const runs = await tx.run.findMany({ where: { experimentId: id }, include: { job: true } });
	const evaluations = await tx.evaluation.findMany({ where: { run: { experimentId: id } }, include: { job: true } });
	const works = [...runs, ...evaluations];
	const open = works.filter(({ job }) => !isFinal(job.state)).length;
	if (open > 0) {
		throw new ApiError("conflict", `${open} of its runs and evaluations are not final; cancel the experiment first.`);
	}
	const used = await tx.deploymentHistory.findFirst({ where: { checkpoint: { run: { experimentId: id } } } });
	if (used) throw new ApiError("conflict", `A checkpoint of it is, or was, deployed as ${used.deploymentName}.`);
	// Rows hang on their jobs, so the jobs take them along.
	await tx.job.deleteMany({ where: { id: { in: works.map((row) => row.id) } } });
	await tx.experiment.delete({ where: { id } });
	return runs.map((run) => run.id);
}
