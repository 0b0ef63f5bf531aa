import { randomUUID } from "node:crypto";
import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../errors.js";
import { protocolHash } from "../hash.js";
import { isFinal } from "../plugins/jobs.js";
import { Cutoffs, IdParams, MaskTest, MaybeNumber, problems, Uuid } from "../schemas.js";
import { EvaluationView, evaluationInclude, evaluationView } from "../views/evaluation.js";
import { finite } from "../views/job.js";
import { bestMetrics, checkpointInclude, checkpointView, RunView, runSummary } from "../views/run.js";

const MOST_LOG_LINES = 200;
const MOST_EVALUATIONS = 100;
const Series = Type.Object({
	series: Type.Array(
		Type.Object({
			split: Type.String(),
			name: Type.String(),
			points: Type.Array(Type.Object({ epoch: Type.Integer(), value: MaybeNumber })),
		}),
	),
});
const NewEvaluation = Type.Object(
	{
		checkpoint: Type.Optional(Uuid),
		split: Type.Enum(["valid", "test"], { default: "test" }),
		maskTest: Type.Optional(MaskTest),
		cutoffs: Type.Optional(Cutoffs),
	},
	{ additionalProperties: false },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	const one = { tags: ["runs"], params: IdParams };

	async function view(id: string): Promise<Static<typeof RunView>> {
		const run = await prisma.run.findUnique({
			where: { id },
			include: {
				job: true,
				dataset: true,
				experiment: true,
				checkpoints: { include: checkpointInclude, orderBy: { epoch: "asc" } },
			},
		});
		if (!run) throw new ApiError("not_found", "There is no run with this id.");
		const log = await prisma.jobEvent.findMany({
			where: { jobId: id, type: "log" },
			orderBy: { seq: "desc" },
			take: MOST_LOG_LINES,
		});
		const metrics = await bestMetrics(prisma, [id]);
		const { job, experiment, dataset, checkpoints } = run;
		return {
			...runSummary(run, metrics.get(id) ?? {}),
			dataset: { id: dataset.id, name: dataset.name },
			protocol: { maskTest: experiment.maskTest, cutoffs: experiment.cutoffs, hash: experiment.protocolHash },
			device: run.device,
			torchVersion: run.torchVersion,
			codeVersion: run.codeVersion,
			parameters: run.parameters === null ? null : Number(run.parameters),
			parametersSha256: run.parametersSha256,
			peakMemoryBytes: run.peakMemoryBytes === null ? null : Number(run.peakMemoryBytes),
			stopReason: run.stopReason,
			lease: job.lease,
			crashes: job.crashes,
			cancelRequested: job.cancelRequestedAt !== null,
			queuedAt: job.queuedAt.toISOString(),
			heartbeatAt: job.heartbeatAt?.toISOString() ?? null,
			checkpoints: checkpoints.map(checkpointView),
			log: log
				.reverse()
				.map(({ at, data }) => ({ at: at.toISOString(), ...(data as { level: string; message: string }) })),
		};
	}

	app.get(
		"/runs/:id",
		{ schema: { ...one, summary: "One run", response: { 200: RunView, ...problems } } },
		async (request) => view(request.params.id),
	);

	app.get(
		"/runs/:id/metrics",
		{ schema: { ...one, summary: "Every metric of a run over its epochs", response: { 200: Series, ...problems } } },
		async (request) => {
			const { id } = request.params;
			if (!(await prisma.run.findUnique({ where: { id }, select: { id: true } }))) {
				throw new ApiError("not_found", "There is no run with this id.");
			}
			const rows = await prisma.metric.findMany({
				where: { runId: id },
				orderBy: [{ split: "asc" }, { name: "asc" }, { epoch: "asc" }],
			});
			const series = new Map<string, Static<typeof Series>["series"][number]>();
			for (const { split, name, epoch, value } of rows) {
				const key = `${split} ${name}`;
				const known = series.get(key) ?? { split, name, points: [] };
				known.points.push({ epoch, value: finite(value) });
				series.set(key, known);
			}
			return { series: [...series.values()] };
		},
	);

	app.post(
		"/runs/:id/cancel",
		{
			schema: {
				...one,
				summary: "Cancel a run; its device is free within seconds",
				response: { 202: RunView, ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const run = await view(id);
			if (!(await app.jobs.requestCancel(id))) throw new ApiError("conflict", `The run is ${run.state} already.`);
			return reply.code(202).send(await view(id));
		},
	);

	app.post(
		"/runs/:id/evaluations",
		{
			schema: {
				...one,
				summary: "Measure a checkpoint of the run under another split, mask rule or cut-offs",
				body: NewEvaluation,
				response: { 202: EvaluationView, ...problems },
			},
		},
		async (request, reply) => {
			const runId = request.params.id;
			const { checkpoint: checkpointId, split, maskTest, cutoffs } = request.body;
			const run = await prisma.run.findUnique({
				where: { id: runId },
				include: { experiment: true, dataset: true, job: true },
			});
			if (!run) throw new ApiError("not_found", "There is no run with this id.");
			// A run under way prunes its checkpoints from the disk as it goes on.
			if (!isFinal(run.job.state)) throw new ApiError("conflict", "The run is still training; wait for its end.");
			const checkpoint = await prisma.checkpoint.findFirst({
				where: { runId, ...(checkpointId ? { id: checkpointId } : { isBest: true }) },
			});
			if (!checkpoint) throw new ApiError("conflict", "The run has no such checkpoint.");
			const id = randomUUID();
			const rule = maskTest ?? run.experiment.maskTest;
			const depths = cutoffs ?? run.experiment.cutoffs;
			const hash = protocolHash(run.dataset.splitDigest ?? "", rule, depths);
			const row = await prisma.$transaction(async (tx) => {
				await app.jobs.create(tx, [id], "evaluation");
				return tx.evaluation.create({
					data: { id, runId, checkpointId: checkpoint.id, split, maskTest: rule, cutoffs: depths, protocolHash: hash },
					include: evaluationInclude,
				});
			});
			await app.queue.add("evaluation", id, 0).catch((err) => request.log.warn({ err }, "waits for the reconciler"));
			return reply.code(202).header("location", `/evaluations/${id}`).send(evaluationView(row));
		},
	);

	app.get(
		"/runs/:id/evaluations",
		{
			schema: {
				...one,
				summary: "The run's latest evaluations, newest first",
				response: { 200: Type.Object({ items: Type.Array(EvaluationView) }), ...problems },
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

	app.get(
		"/evaluations/:id",
		{ schema: { ...one, summary: "One evaluation", response: { 200: EvaluationView, ...problems } } },
		async (request) => {
			const row = await prisma.evaluation.findUnique({ where: { id: request.params.id }, include: evaluationInclude });
			if (!row) throw new ApiError("not_found", "There is no evaluation with this id.");
			return evaluationView(row);
		},
	);
};
export default routes;
