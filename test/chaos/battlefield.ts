// What a campaign is about: everything that `valence start` starts, on either backend, and the ways to reach behind it.
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import Fastify from "fastify";
import { readConfig } from "../../services/api/src/config.js";
import prismaPlugin from "../../services/api/src/plugins/prisma.js";
import queuePlugin from "../../services/api/src/plugins/queue.js";
import { startPostgres } from "../../services/supervisor/src/postgres/embedded.js";
import { type Stack, startStack } from "../../services/supervisor/src/stack.js";
import { createDatabase } from "../support/database.js";
import { removeHomesIn, serverOf } from "../support/homes.js";
import { trainerChildren } from "../support/processes.js";
import { startRedis } from "../support/queue-server.js";
import { startCuttingProxy } from "./cutting-proxy.js";

export type Backend = "embedded" | "services";
export const BACKENDS: readonly Backend[] = ["embedded", "services"];
export type Battlefield = Awaited<ReturnType<typeof openBattlefield>>;

const PRELOAD = resolve("test/chaos/preload");

export async function openBattlefield(backend: Backend, tell: (line: string) => void) {
	const folder = mkdtempSync(join(tmpdir(), "valence-chaos-"));
	const home = join(folder, "home");
	const databaseHome = join(folder, "database");
	for (const made of [home, databaseHome]) mkdirSync(made);
	const postgres = backend === "embedded" ? await startPostgres({ home: databaseHome, tell }) : null;
	const database = postgres ? { url: postgres.url, drop: async () => undefined } : await createDatabase();
	const redis = postgres ? null : await startRedis();
	const proxy = await startCuttingProxy(database.url);
	const artifacts = join(folder, "artifacts");
	mkdirSync(artifacts);
	const env = {
		DATABASE_URL: proxy.url,
		REDIS_URL: redis?.url ?? "",
		QUEUE_PREFIX: `chaos_${randomBytes(6).toString("hex")}`,
		VALENCE_ARTIFACTS: artifacts,
		HOST: "127.0.0.1",
		API_KEYS: "",
		LOG_LEVEL: "info",
		TRAINER_SLOTS: "2",
		TRAINER_THREADS: "1",
		RUN_CONCURRENCY: "2",
		TIMING_SCALE: "5",
		CHAOS_FOLDER: folder,
		NODE_OPTIONS: `--import=${join(PRELOAD, "clock.mjs")}`,
		PYTHONPATH: PRELOAD,
	};
	let stack: Stack;
	const app = Fastify();
	async function close(): Promise<void> {
		await stack?.stop();
		await app.close();
		proxy.stop();
		await redis?.stop();
		await postgres?.stop();
		await database.drop();
	}
	try {
		stack = await startStack({ home, port: 0, env, tell });
		// Past the proxy and on its own clock.
		app.decorate("config", readConfig({ ...env, DATABASE_URL: database.url }));
		await app.register(prismaPlugin);
		await app.register(queuePlugin);
		await app.ready();
	} catch (error) {
		await close();
		throw error;
	}
	return {
		backend,
		app,
		prisma: app.prisma,
		artifacts,
		redis,
		proxy,
		url: stack.url,
		broken: Promise.race([stack.broken, ...(postgres ? [postgres.gaveUp] : [])]),
		logs: join(home, "logs"),
		pidOf: (name: string) => stack.services.find(({ spec }) => spec.name === name)?.pid,
		postgresPid: () => serverOf(databaseHome),
		children: () => trainerChildren(artifacts),
		/** A switch that the preloaded files look at. */
		set(name: "clock-off" | "disk-slow", isOn: boolean) {
			if (isOn) writeFileSync(join(folder, name), "");
			else rmSync(join(folder, name), { force: true });
		},
		close,
		/** Once nobody needs its logs any more. */
		remove: () => removeHomesIn(folder),
	};
}
