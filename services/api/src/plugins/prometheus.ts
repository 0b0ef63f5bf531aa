// app.meters and what /metrics answers.
import fp from "fastify-plugin";
import { Gauge, Histogram, Registry } from "prom-client";
import { KINDS } from "./queue.js";

declare module "fastify" {
	interface FastifyInstance {
		meters: { registry: Registry; recommendations: Histogram<"model"> };
	}
}

export default fp(
	async (app) => {
		const registers = [new Registry()] as [Registry];
		const requests = new Histogram({
			name: "valence_http_request_seconds",
			help: "Duration of HTTP requests.",
			labelNames: ["method", "route", "status"] as const,
			buckets: [0.005, 0.02, 0.1, 0.5, 2, 10],
			registers,
		});
		const recommendations = new Histogram({
			name: "valence_recommendation_seconds",
			help: "Duration of a recommendation, the call to the recommender included.",
			labelNames: ["model"] as const,
			buckets: [0.002, 0.005, 0.01, 0.03, 0.1, 0.3, 1, 5],
			registers,
		});
		new Gauge({
			name: "valence_queue_jobs",
			help: "Jobs the queue holds, by kind and state.",
			labelNames: ["kind", "state"] as const,
			registers,
			async collect() {
				const depth = await app.queue.depth().catch(() => ({}));
				for (const [kind, counts] of Object.entries(depth)) {
					for (const [state, count] of Object.entries(counts)) this.set({ kind, state }, count);
				}
			},
		});
		new Gauge({
			name: "valence_jobs",
			help: "Jobs in the database, by kind and state.",
			labelNames: ["kind", "state"] as const,
			registers,
			async collect() {
				this.reset();
				for (const kind of KINDS) this.set({ kind, state: "RUNNING" }, 0);
				const groups = await app.prisma.job.groupBy({ by: ["kind", "state"], _count: true }).catch(() => []);
				for (const { kind, state, _count } of groups) this.set({ kind, state }, _count);
			},
		});
		new Gauge({
			name: "valence_epoch_seconds",
			help: "Mean seconds an epoch over the last 100 epochs of each model.",
			labelNames: ["model"] as const,
			registers,
			async collect() {
				this.reset();
				const means = await app.prisma.$queryRaw<{ model: string; seconds: number }[]>`
					SELECT model, avg(seconds)::float8 AS seconds FROM (
						SELECT r.model, (e.data->>'seconds')::float8 AS seconds, row_number() OVER (PARTITION BY r.model ORDER BY e.at DESC) AS n
						FROM job_events e JOIN runs r ON r.id = e.job_id WHERE e.type = 'epoch' AND e.at > now() - interval '1 day') AS recent
					WHERE n <= 100 GROUP BY model`.catch(() => []);
				for (const { model, seconds } of means) this.set({ model }, seconds);
			},
		});
		app.decorate("meters", { registry: registers[0], recommendations });
		app.addHook("onResponse", async (request, reply) => {
			const route = request.routeOptions.url ?? "unknown";
			requests.observe({ method: request.method, route, status: reply.statusCode }, reply.elapsedTime / 1000);
		});
	},
	{ name: "prometheus", dependencies: ["prisma", "queue"] },
);
