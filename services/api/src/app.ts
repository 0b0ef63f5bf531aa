// Assembles a process: plugins first, then the routes of the api or the jobs of the worker.
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import autoload from "@fastify/autoload";
import Fastify, { type FastifyInstance, type FastifyReply } from "fastify";
import type { Config } from "./config.js";
import { onBadAddress, onBrokenRequest } from "./problem.js";

declare module "fastify" {
	interface FastifyInstance {
		config: Config;
	}
}

const HERE = fileURLToPath(new URL(".", import.meta.url));
const SHARED = ["prisma", "queue", "jobs", "trainer", "removals", "prometheus"];
const MOST_BODY_BYTES = 4 * 2 ** 20;
const MOST_ID_BYTES = 512;

export async function buildApp(config: Config, load: "routes" | "jobs"): Promise<FastifyInstance> {
	const app = Fastify({
		logger: {
			level: config.logLevel,
			redact: ["req.headers.authorization", "req.headers.cookie", "*.password", "*.apiKey"],
			serializers: {
				// No query strings: they may carry people's ids.
				req: (request) => ({ method: request.method, path: request.url?.split("?")[0], id: request.id }),
			},
		},
		genReqId: () => randomUUID(),
		bodyLimit: MOST_BODY_BYTES,
		// Percent-encoded ids are up to three times as long.
		routerOptions: { maxParamLength: 3 * MOST_ID_BYTES + 64 },
		requestTimeout: 0,
		connectionTimeout: 0,
		keepAliveTimeout: 30_000,
		forceCloseConnections: true,
		frameworkErrors: (error, request, reply) => onBadAddress(error, request, reply as FastifyReply),
		clientErrorHandler: onBrokenRequest,
	});
	app.decorate("config", config);
	const only = load === "jobs" ? new RegExp(`(${SHARED.join("|")})\\.(js|ts)$`) : /\.(js|ts)$/;
	await app.register(autoload, {
		dir: join(HERE, "plugins"),
		matchFilter: (path: string) => only.test(path) && !path.endsWith(".d.ts"),
	});
	await app.register(autoload, { dir: join(HERE, load), dirNameRoutePrefix: false });
	return app;
}
