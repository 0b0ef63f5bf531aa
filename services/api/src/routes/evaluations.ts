import { randomUUID } from "node:crypto";
import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { protocolHash } from "../experiments/protocol.js";
import { ApiError } from "../http/errors.js";
import { Cutoffs, IdempotencyHeaders, IdParams, listOf, MaskTest, problems, Uuid } from "../http/schemas.js";
import type { Answer, Remember } from "../plugins/idempotency.js";
import { isFinal } from "../plugins/jobs.js";
import { AT_ONE_MOMENT, violatesForeignKey } from "../plugins/prisma.js";
import { EvaluationView, evaluationInclude, evaluationView } from "../views/evaluation.js";

const MOST_EVALUATIONS = 100;
const NewEvaluation = Type.Object(
	{
		checkpoint: Type.Optional(Uuid),
		split: Type.Enum(["valid", "test"], { type: "string", default: "test" }),
		maskTest: Type.Optional(MaskTest),
		cutoffs: Type.Optional(Cutoffs),
	},
	{ title: "NewEvaluation", additionalProperties: false },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	const one = { tags: ["runs"], params: IdParams };

	app.post(
		"/runs/:id/evaluations",
		{
			schema: {
				...one,
				operationId: "createEvaluation",
				summary: "Measure a checkpoint of the run under another split, mask rule or cut-offs",
				body: NewEvaluation,
				headers: IdempotencyHeaders,
				response: { 202: EvaluationView, ...problems },
			},
		},
		async (request, reply) => {
			const measure = (remember: Remember) => launch(app, request.params.id, request.body, remember);
			return (await app.once(request, reply, measure)) as Static<typeof EvaluationView>;
		},
	);

	app.get(
		"/runs/:id/evaluations",
		{
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
			const rows = await prisma.evaluation.findMany({
				where: { runId: id },
				include: evaluationInclude,
				orderBy: [{ job: { createdAt: "desc" } }, { id: "desc" }],
				take: MOST_EVALUATIONS,
			});
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

async function launch(
	app: FastifyInstance,
	runId: string,
	{ checkpoint: checkpointId, split, maskTest, cutoffs }: Static<typeof NewEvaluation>,
	remember: Remember,
): Promise<Answer> {
	const { prisma } = app;
	const run = await prisma.run.findUnique({
		where: { id: runId },
		include: { experiment: true, dataset: true, job: true },
	});
	if (!run) throw new ApiError("not_found", "There is no run with this id.");
	if (run.refitOfId) {
		throw new ApiError(
			"conflict",
			`A refit has seen what it would be measured on; run ${run.refitOfId} vouches for it.`,
		);
	}
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
	const rule = maskTest ?? run.experiment.maskTest;
	const depths = cutoffs ?? run.experiment.cutoffs;
	const hash = protocolHash(run.dataset.splitDigest ?? "", rule, depths);
	const measured = { runId, checkpointId: checkpoint.id, epoch: checkpoint.epoch };
	const store = prisma.$transaction(async (tx) => {
		await app.jobs.create(tx, [id], "evaluation");
		const row = await tx.evaluation.create({
			data: { id, ...measured, split, maskTest: rule, cutoffs: depths, protocolHash: hash },
			include: evaluationInclude,
		});
		const made = { status: 202, location: `/evaluations/${id}`, body: evaluationView(row) };
		await remember(tx, made);
		return made;
	});
	const answer = await store.catch((error) => {
		if (violatesForeignKey(error)) throw new ApiError("conflict", "The checkpoint has just been removed.");
		throw error;
	});
	await app.queue.add("evaluation", id, 0).catch((err) => app.log.warn({ err }, "waits for the reconciler"));
	return answer;
}
