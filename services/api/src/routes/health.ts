import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { withDeadline } from "../deadline.js";
import { problems } from "../http/schemas.js";

const CHECK_MS = 2_000;
const Check = Type.Object({ status: Type.String(), detail: Type.Optional(Type.String()) }, { title: "HealthCheck" });
const Ready = Type.Object(
	{
		status: Type.Enum(["ok", "degraded", "down"], { type: "string" }),
		checks: Type.Object({ database: Check, queue: Check, trainer: Check, recommender: Check }),
	},
	{ title: "Readiness" },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	/**
	 * What is deployed was ready to be answered from. From then on it stays so: what is switched to is loaded before. One that takes longer
	 * than loading may does not hold up the others.
	 */
	let hasBegun = false;
	const latest = Date.now() + app.config.timings.warmCall;
	async function begins(): Promise<boolean> {
		if (Date.now() > latest) return true;
		const all = app.deployments.all().map((deployed) => app.serving.of(deployed));
		const isRead = await withDeadline(Promise.allSettled(all), CHECK_MS, "late").then(
			() => true,
			() => false,
		);
		return isRead && app.recommender.isPrepared;
	}

	app.get(
		"/healthz",
		{
			config: { access: "open" },
			schema: {
				operationId: "getHealth",
				summary: "The process is alive",
				tags: ["health"],
				response: { 200: Type.Object({ status: Type.String() }, { title: "Liveness" }) },
			},
		},
		async () => ({ status: "ok" }),
	);

	app.get(
		"/readyz",
		{
			config: { access: "open" },
			schema: {
				operationId: "getReadiness",
				summary:
					"Everything it needs answers; degraded where people still get their recommendations, down while one that starts loads what is deployed",
				tags: ["health"],
				response: { 200: Ready, 503: Ready },
			},
		},
		async (_request, reply) => {
			const check = async (reach: () => Promise<unknown>) => {
				return withDeadline(reach(), CHECK_MS, "late").then(
					(): Static<typeof Check> => ({ status: "ok" }),
					() => ({ status: "down", detail: "does not answer" }),
				);
			};
			const [database, queue, trainer, recommender] = await Promise.all([
				check(() => app.prisma.$queryRaw`SELECT 1`),
				check(() => app.queue.ping()),
				check(() => app.trainer.reach()),
				check(() => app.recommender.reach()),
			]);
			const checks = { database, queue, trainer, recommender };
			const { endpoints } = app.recommender;
			const away = endpoints.filter(({ isUp }) => !isUp).length;
			if (recommender.status === "ok" && !hasBegun && app.deployments.areKnown) {
				hasBegun = await begins();
				if (!hasBegun) Object.assign(recommender, { status: "loading", detail: "what is deployed" });
			}
			// One is enough; who looks is told all the same.
			if (recommender.status === "ok" && away > 0 && endpoints.length > 1)
				recommender.detail = `${away} of ${endpoints.length} did not answer`;
			const isWhole = Object.values(checks).every((one) => one.status === "ok");
			// Whoever sends people here goes on doing so while they are answered.
			const answersPeople = recommender.status === "ok" && app.deployments.areKnown;
			const status = !answersPeople ? "down" : isWhole ? "ok" : "degraded";
			return reply.code(status === "down" ? 503 : 200).send({ status, checks });
		},
	);

	app.get(
		"/metrics",
		{
			config: { access: "any" },
			schema: {
				operationId: "getMetrics",
				summary: "Prometheus",
				tags: ["health"],
				response: {
					200: { description: "In the text format", content: { "text/plain": { schema: Type.String() } } },
					...problems,
				},
			},
		},
		async (_request, reply) => reply.type(app.meters.registry.contentType).send(await app.meters.registry.metrics()),
	);
};
export default routes;
