import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import { problems } from "../schemas.js";

const CHECK_MS = 2_000;
const Check = Type.Object({ status: Type.String(), detail: Type.Optional(Type.String()) });
const Ready = Type.Object({
	status: Type.String(),
	checks: Type.Object({ database: Check, queue: Check, trainer: Check, recommender: Check }),
});

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/healthz",
		{
			schema: {
				summary: "The process is alive",
				tags: ["health"],
				response: { 200: Type.Object({ status: Type.String() }) },
			},
		},
		async () => ({ status: "ok" }),
	);

	app.get(
		"/readyz",
		{ schema: { summary: "Everything it needs answers", tags: ["health"], response: { 200: Ready, 503: Ready } } },
		async (_request, reply) => {
			const check = async (reach: () => Promise<unknown>) => {
				const late = new Promise((_, reject) => setTimeout(() => reject(new Error("late")), CHECK_MS).unref());
				return Promise.race([reach(), late]).then(
					() => ({ status: "ok" }),
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
			const ready = Object.values(checks).every((one) => one.status === "ok");
			return reply.code(ready ? 200 : 503).send({ status: ready ? "ok" : "down", checks });
		},
	);

	app.get(
		"/metrics",
		{ schema: { summary: "Prometheus", tags: ["health"], response: { 200: Type.String(), ...problems } } },
		async (_request, reply) => reply.type(app.meters.registry.contentType).send(await app.meters.registry.metrics()),
	);

	app.get(
		"/system",
		{
			schema: {
				summary: "What runs here",
				tags: ["health"],
				response: {
					200: Type.Object({
						version: Type.String(),
						queue: Type.String(),
						authentication: Type.Boolean(),
						device: Type.String(),
						torchVersion: Type.String(),
					}),
					...problems,
				},
			},
		},
		async () => {
			const { codeVersion, device, torchVersion } = await app.catalogue.system();
			return {
				version: codeVersion,
				queue: app.queue.backend,
				authentication: app.config.apiKeys.length > 0,
				device,
				torchVersion,
			};
		},
	);
};
export default routes;
