// Assembles a process: plugins first, then the routes of the api or the jobs of the worker.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import autoload from "@fastify/autoload";
import Fastify, { type FastifyInstance, type FastifyReply, LogController } from "fastify";
import type { Config } from "./config.js";
import { onBadAddress, onBrokenRequest } from "./http/problem.js";
import { logStream } from "./log-stream.js";
import { tracing } from "./tracing.js";

declare module "fastify" {
	interface FastifyInstance {
		config: Config;
	}
}

const HERE = fileURLToPath(new URL(".", import.meta.url));
const SHARED = [
	"prisma",
	"queue",
	"jobs",
	"trainer",
	"removals",
	"keep",
	"feeds",
	"prometheus",
	"catalogue",
	"recommender",
];
/** A start that waits for a slow database is no failure. */
const START_MS = 60_000;
const MOST_BODY_BYTES = 4 * 2 ** 20;
const MOST_ID_BYTES = 512;

export async function buildApp(config: Config, load: "routes" | "jobs"): Promise<FastifyInstance> {
	const { stream, flush } = logStream();
	const app = Fastify({
		logger: {
			level: config.logLevel,
			stream,
			redact: ["req.headers.authorization", "req.headers.cookie", "*.password", "*.apiKey"],
			serializers: {
				// The pattern, never the address: paths and query strings carry people's ids.
				req: (request) => ({ method: request.method, route: request.routeOptions?.url ?? "none", id: request.id }),
			},
		},
		logController: new LogController({ disableRequestLogging: true }), // one line a request, once it has been answered: below
		genReqId: () => randomUUID(),
		bodyLimit: MOST_BODY_BYTES,
		// Percent-encoded ids are up to three times as long.
		routerOptions: { maxParamLength: 3 * MOST_ID_BYTES + 64 },
		pluginTimeout: START_MS,
		requestTimeout: 0,
		connectionTimeout: 0,
		keepAliveTimeout: 30_000,
		trustProxy: config.trustedProxies.length > 0 && config.trustedProxies,
		forceCloseConnections: true,
		frameworkErrors: (error, request, reply) => onBadAddress(error, request, reply as FastifyReply),
		clientErrorHandler: onBrokenRequest,
	});
	app.addHook("onClose", flush); // the first hook is the last to be called
	app.decorate("config", config);
	tracing().watch(app);
	app.addHook("onResponse", async (request, reply) => {
		request.log.info(
			{ req: request, status: reply.statusCode, ms: Math.round(reply.elapsedTime * 100) / 100 },
			"answered",
		);
	});
	const only = load === "jobs" ? new RegExp(`(${SHARED.join("|")})\\.(js|ts)$`) : /\.(js|ts)$/;
	await app.register(autoload, {
		dir: join(HERE, "plugins"),
		matchFilter: (path: string) => only.test(path) && !path.endsWith(".d.ts"),
	});
	await app.register(autoload, { dir: join(HERE, load), dirNameRoutePrefix: false });
	return app;
}
