// The real thing for one file of failure tests: PostgreSQL, queue, trainer and workers as processes; the api in ours.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../services/api/src/config.js";
import { freePort } from "../../services/supervisor/src/ports.js";
import { buildApp } from "./app.js";
import { createDatabase } from "./database.js";
import { importInteractions } from "./interactions.js";
import { Process, trainerChildren, until } from "./processes.js";
import { runsOf } from "./runs.js";

const ROOT = process.cwd();
const TRAINER = join(ROOT, "services/trainer-py");
const PYTHON = join(TRAINER, ".venv/bin/python");

export interface StackOptions {
	/** A PostgreSQL of the test's own instead of a database on the shared server. */
	databaseUrl?: string;
	redisUrl?: string;
	/** For the trainer alone. */
	trainerEnvironment?: Record<string, string>;
}

export type Stack = Awaited<ReturnType<typeof startStack>>;

export async function startStack({ databaseUrl, redisUrl, trainerEnvironment = {} }: StackOptions = {}) {
	const artifacts = mkdtempSync(join(tmpdir(), "valence-failure-"));
	const database = databaseUrl ? { url: databaseUrl, drop: async () => undefined } : await createDatabase();
	const address = `127.0.0.1:${await freePort()}`;
	const env: Record<string, string> = {
		DATABASE_URL: database.url,
		REDIS_URL: redisUrl ?? process.env.VALENCE_TEST_REDIS ?? "",
		QUEUE_PREFIX: `test_${randomBytes(6).toString("hex")}`,
		TRAINER_ADDRESS: address,
		TRAINER_LISTEN: address,
		TRAINER_SLOTS: "2",
		TRAINER_THREADS: "1",
		VALENCE_ARTIFACTS: artifacts,
		TIMING_SCALE: "5",
		EXIT_WITH_STDIN: "1",
		WORKER_HEALTH_PORT: "0",
		LOG_LEVEL: "info",
	};
	const processes: Process[] = [];
	const start = (name: string, command: string, given: string[], cwd: string, more: Record<string, string> = {}) => {
		const started = new Process(name, command, given, { ...env, ...more }, cwd);
		processes.push(started);
		return started;
	};
	const startTrainer = () => start("trainer", PYTHON, ["-m", "trainer", "serve"], TRAINER, trainerEnvironment);
	const startWorker = (more: Record<string, string> = {}) =>
		start("worker", process.execPath, ["services/api/dist/worker.js"], ROOT, more);
	const startApi = (port: number) =>
		start("api", process.execPath, ["services/api/dist/server.js"], ROOT, { PORT: String(port) });
	const logs = () => processes.map(({ name, pid, log }) => `${name} ${pid}:\n${log.slice(-4_000)}`).join("\n");

	const app = await buildApp(readConfig({ ...env, LOG_LEVEL: "silent" }), "routes");
	await app.ready();

	async function stop(): Promise<void> {
		await Promise.all(processes.map((each) => each.end()));
		await app.close();
		await until("no training child is left", () => trainerChildren(artifacts).length === 0, 10);
		await database.drop();
		rmSync(artifacts, { recursive: true, force: true });
	}

	let runs: ReturnType<typeof runsOf>;
	let undisturbed: string;
	try {
		startTrainer();
		const worker = startWorker();
		runs = runsOf(app, await importInteractions(app), logs);
		undisturbed = await runs.launch();
		await runs.ends(undisturbed);
		await worker.end("SIGTERM");
	} catch (error) {
		const said = logs();
		await stop();
		throw new Error(`the stack does not start: ${error}\n${said}`);
	}

	return {
		app,
		prisma: app.prisma,
		artifacts,
		...runs,
		/** The same run that nothing happened to. */
		undisturbed,
		startTrainer,
		startWorker,
		startApi,
		stop,
		/** The trainer that was started last. */
		trainer: () => processes.findLast(({ name }) => name === "trainer") as Process,
		children: () => trainerChildren(artifacts),
		/** Ends every worker, so that the next test starts from none. */
		endWorkers: () => Promise.all(processes.filter(({ name }) => name === "worker").map((each) => each.end())),
	};
}
