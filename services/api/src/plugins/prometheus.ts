// app.meters and what /metrics answers.
import fp from "fastify-plugin";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { JobState } from "../generated/prisma/client.js";
import { knownClasses } from "../machines/classes.js";
import { MACHINE_STATES, machineStates } from "../machines/state.js";
import { KINDS } from "./queue.js";

declare module "fastify" {
	interface FastifyInstance {
		meters: { registry: Registry; recommendations: Histogram<"tier" | "model"> };
	}
}

const OUTCOMES = ["switched", "refused", "skipped", "failed", "cancelled"];
/** Times in the database are of the beginning of a transaction; by then it has ended. */
const COMMITTED_AFTER_MS = 5_000;

export default fp(
	async (app) => {
		const registers = [new Registry()] as [Registry];
		const requests = new Histogram({
			name: "valence_http_request_seconds",
			help: "Duration of HTTP requests.",
			labelNames: ["method", "route", "status"] as const,
			buckets: [0.0005, 0.002, 0.005, 0.02, 0.1, 0.5, 2, 10],
			registers,
		});
		const recommendations = new Histogram({
			name: "valence_recommendation_seconds",
			help: "Duration of a recommendation until its body is made, by the tier that answered.",
			labelNames: ["tier", "model"] as const,
			buckets: [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 5],
			registers,
		});
		new Gauge({
			name: "valence_queue_jobs",
			help: "Jobs the queue holds, by kind and state.",
			labelNames: ["kind", "state"] as const,
			registers,
			async collect() {
				const depth = await knownClasses(app)
					.then((classes) => app.queue.depth(classes))
					.catch(() => ({}));
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
			name: "valence_class_runs",
			help: "Runs that wait or are at work, by the class of machine that may take them (any: of no class) and state.",
			labelNames: ["class", "state"] as const,
			registers,
			async collect() {
				const found = await Promise.all([
					knownClasses(app),
					app.prisma.$queryRaw<{ class: string; state: JobState; count: number }[]>`
						SELECT coalesce(machine_class, 'any') AS class, state, count(*)::int AS count FROM jobs
						WHERE kind = 'run' AND state IN ('QUEUED', 'RUNNING') GROUP BY 1, 2`,
				]).catch(() => null);
				this.reset();
				if (!found) return;
				const [classes, counts] = found;
				for (const name of ["any", ...classes])
					for (const state of ["QUEUED", "RUNNING"]) this.set({ class: name, state }, 0);
				for (const { class: name, state, count } of counts) this.set({ class: name, state }, count);
			},
		});
		new Gauge({
			name: "valence_machines",
			help: "Machines by class and state: ready, draining or gone.",
			labelNames: ["class", "state"] as const,
			registers,
			async collect() {
				const found = await machineStates(app).catch(() => []);
				this.reset();
				for (const each of found) for (const state of MACHINE_STATES) this.inc({ class: each.class, state }, 0);
				for (const each of found) this.inc({ class: each.class, state: each.state });
			},
		});
		new Counter({
			name: "valence_refreshes_total",
			help: "Refreshes of deployments that have ended, by outcome; skipped ones count each time.",
			labelNames: ["outcome"] as const,
			registers,
			async collect() {
				const rows = await app.prisma.$queryRaw<{ outcome: string; count: number }[]>`
					SELECT coalesce(r.outcome, lower(j.state::text)) AS outcome, sum(1 + r.skips)::float8 AS count
					FROM refreshes r JOIN jobs j ON j.id = r.id WHERE j.finished_at IS NOT NULL GROUP BY 1`.catch(() => null);
				if (!rows) return;
				this.reset();
				for (const outcome of OUTCOMES) this.inc({ outcome }, 0);
				for (const { outcome, count } of rows) this.inc({ outcome }, count);
			},
		});
		let countedUntil = Date.now() - COMMITTED_AFTER_MS;
		new Histogram({
			name: "valence_epoch_seconds",
			help: "Duration of the epochs of training that ended since this process started.",
			labelNames: ["model"] as const,
			buckets: [0.1, 0.5, 2, 10, 30, 120, 600, 3600],
			registers,
			async collect() {
				const [from, to] = [countedUntil, Date.now() - COMMITTED_AFTER_MS];
				if (to <= from) return;
				countedUntil = to; // before the query, so that two scrapes at once count nothing twice
				const epochs = await app.prisma.$queryRaw<{ model: string; seconds: number }[]>`
					SELECT r.model, (e.data->>'seconds')::float8 AS seconds FROM jobs j JOIN runs r ON r.id = j.id JOIN job_events e ON e.job_id = j.id
					WHERE j.started_at IS NOT NULL AND (j.finished_at IS NULL OR j.finished_at > ${new Date(from)})
						AND e.type = 'epoch' AND e.at > ${new Date(from)} AND e.at <= ${new Date(to)}`.catch(() => []);
				for (const { model, seconds } of epochs) this.observe({ model }, seconds);
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
