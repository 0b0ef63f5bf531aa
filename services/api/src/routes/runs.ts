import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { refit } from "../experiments/refit.js";
import { ApiError } from "../http/errors.js";
import { IdParams, MaybeNumber, problems } from "../http/schemas.js";
import { isMachineThere } from "../machines/reading.js";
import { AT_ONE_MOMENT } from "../plugins/prisma.js";
import { finite } from "../views/job.js";
import { metricGroupsOf, protocolOf } from "../views/measures.js";
import { bestMetrics, checkpointInclude, checkpointView, RunView, runSummary, summaryInclude } from "../views/run.js";

const MOST_LOG_LINES = 200;
const Point = Type.Object({ epoch: Type.Integer(), value: MaybeNumber }, { title: "MetricPoint" });
const Series = Type.Object(
	{ split: Type.String(), name: Type.String(), points: Type.Array(Point) },
	{ title: "MetricSeries" },
);
const Metrics = Type.Object({ series: Type.Array(Series) }, { title: "MetricHistory" });

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	const one = { tags: ["runs"], params: IdParams };

	async function view(id: string): Promise<Static<typeof RunView>> {
		const query = {
			where: { id },
			include: {
				...summaryInclude,
				dataset: true,
				experiment: true,
				checkpoints: { include: checkpointInclude, orderBy: { epoch: "asc" } },
			},
		} as const;
		const run = await prisma.$transaction((tx) => tx.run.findUnique(query), AT_ONE_MOMENT);
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
			protocol: protocolOf(experiment),
			users: run.valuesUsers,
			groups: metricGroupsOf(run),
			machine: job.machine,
			lacksMachine: job.state === "QUEUED" && !(await isMachineThere(app, job.machineClass)),
			device: run.device,
			torchVersion: run.torchVersion,
			codeVersion: run.codeVersion,
			parameters: run.parameters === null ? null : Number(run.parameters),
			parametersSha256: run.parametersSha256,
			peakMemoryBytes: run.peakMemoryBytes === null ? null : Number(run.peakMemoryBytes),
			lease: job.lease,
			crashes: job.crashes,
			cancelRequested: job.cancelRequestedAt !== null,
			queuedAt: job.queuedAt.toISOString(),
			heartbeatAt: job.heartbeatAt?.toISOString() ?? null,
			checkpoints: checkpoints.map(checkpointView),
			checkpointsRemovedAt: run.checkpointsRemovedAt?.toISOString() ?? null,
			log: log
				.reverse()
				.map(({ at, data }) => ({ at: at.toISOString(), ...(data as { level: string; message: string }) })),
		};
	}

	app.get(
		"/runs/:id",
		{
			config: { access: ["train"] },
			schema: { ...one, operationId: "getRun", summary: "One run", response: { 200: RunView, ...problems } },
		},
		async (request) => view(request.params.id),
	);

	app.get(
		"/runs/:id/metrics",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "getRunMetrics",
				summary: "Every metric of a run over its epochs",
				response: { 200: Metrics, ...problems },
			},
		},
		async (request) => {
			const { id } = request.params;
			if (!(await prisma.run.findUnique({ where: { id }, select: { id: true } }))) {
				throw new ApiError("not_found", "There is no run with this id.");
			}
			const rows = await prisma.metric.findMany({
				where: { runId: id },
				orderBy: [{ split: "asc" }, { name: "asc" }, { epoch: "asc" }],
			});
			const series = new Map<string, Static<typeof Series>>();
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
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "cancelRun",
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
		"/runs/:id/refit",
		{
			config: { access: ["train"] },
			schema: {
				...one,
				operationId: "refitRun",
				summary:
					"Train the same on validation and test items, too, as long as its best epoch had taken; asked again, it is the same refit",
				response: { 200: RunView, 202: RunView, ...problems },
			},
		},
		async (request, reply) => {
			const { id, isNew } = await refit(app, request.params.id);
			return reply
				.code(isNew ? 202 : 200)
				.header("location", `/runs/${id}`)
				.send(await view(id));
		},
	);
};
export default routes;
