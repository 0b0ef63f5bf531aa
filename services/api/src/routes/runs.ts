import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { ApiError } from "../errors.js";
import { IdParams, MaybeNumber, problems } from "../schemas.js";
import { finite } from "../views/job.js";
import { bestMetrics, checkpointInclude, checkpointView, RunView, runSummary } from "../views/run.js";

const MOST_LOG_LINES = 200;
const Series = Type.Object({
	series: Type.Array(
		Type.Object({
			split: Type.String(),
			name: Type.String(),
			points: Type.Array(Type.Object({ epoch: Type.Integer(), value: MaybeNumber })),
		}),
	),
});

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
};
export default routes;
