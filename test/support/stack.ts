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
import type { OtherHost } from "./other-host.js";
import { Process, trainerChildren, until } from "./processes.js";
import { runsOf } from "./runs.js";

const ROOT = process.cwd();
const TRAINER = join(ROOT, "services/trainer-py");
const PYTHON = join(TRAINER, ".venv/bin/python");
const TRAINER_COMMAND: [string, string[]] = [PYTHON, ["-m", "trainer", "serve"]];
const WORKER_COMMAND: [string, string[]] = [process.execPath, ["services/api/dist/worker.js"]];

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
	const recommender = `127.0.0.1:${await freePort()}`;
	const env: Record<string, string> = {
		DATABASE_URL: database.url,
		REDIS_URL: redisUrl ?? process.env.VALENCE_TEST_REDIS ?? "",
		QUEUE_PREFIX: `test_${randomBytes(6).toString("hex")}`,
		TRAINER_ADDRESS: address,
		TRAINER_LISTEN: address,
		RECOMMENDER_ADDRESS: recommender,
		RECOMMENDER_LISTEN: recommender,
		TRAINER_SLOTS: "2",
		TRAINER_THREADS: "1",
		VALENCE_ARTIFACTS: artifacts,
		VALENCE_CACHE: artifacts, // of an object store, where that is what the trainer is given
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
	const startTrainer = (more: Record<string, string> = {}) =>
		start("trainer", ...TRAINER_COMMAND, TRAINER, { ...trainerEnvironment, ...more });
	const startRecommender = (more: Record<string, string> = {}) =>
		start("recommender", PYTHON, ["-m", "trainer", "serve-recommender"], TRAINER, more);
	/** A machine of its own unless it is given the name of another. */
	const startWorker = (more: Record<string, string> = {}) => {
		const name = { MACHINE_NAME: `machine-${processes.length}` };
		return start("worker", ...WORKER_COMMAND, ROOT, { ...name, ...more });
	};
	/** A worker beside a trainer of its own, on the same artifacts. */
	const startMachine = async (name: string, machineClass: string) => {
		const listen = `127.0.0.1:${await freePort()}`;
		const trainer = startTrainer({ TRAINER_LISTEN: listen });
		const own = { MACHINE_NAME: name, MACHINE_CLASS: machineClass, TRAINER_ADDRESS: listen };
		return { trainer, worker: startWorker(own), own };
	};
	/** A machine of another host: its trainer listens on that host's loopback, at the port that ours has here. */
	async function startMachineOn(host: OtherHost, more: Record<string, string> = {}) {
		const { DATABASE_URL, REDIS_URL } = env as { DATABASE_URL: string; REDIS_URL: string };
		const own = {
			MACHINE_NAME: `machine-${processes.length}`,
			DATABASE_URL: await host.reaching(DATABASE_URL),
			REDIS_URL: REDIS_URL && (await host.reaching(REDIS_URL)),
			...more,
		};
		return {
			trainer: start("other trainer", ...host.command(...TRAINER_COMMAND), TRAINER, own),
			worker: start("other worker", ...host.command(...WORKER_COMMAND), ROOT, own),
		};
	}
	const startApi = (port: number, more: Record<string, string> = {}) =>
		start("api", process.execPath, ["services/api/dist/server.js"], ROOT, { PORT: String(port), ...more });
	const logs = () => processes.map(({ name, pid, log }) => `${name} ${pid}:\n${log.slice(-4_000)}`).join("\n");

	const app = await buildApp(readConfig({ ...env, LOG_LEVEL: "silent" }), "routes");
	await app.ready();

	async function stop(): Promise<void> {
		await Promise.all(processes.map((each) => each.end()));
		await app.close();
		await until("no training child is left", () => trainerChildren(artifacts).length === 0, 30);
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
		startRecommender,
		startWorker,
		startMachine,
		startMachineOn,
		startApi,
		stop,
		/** The trainer that was started last. */
		trainer: () => processes.findLast(({ name }) => name === "trainer") as Process,
		children: () => trainerChildren(artifacts),
		/** Ends every worker, so that the next test starts from none. */
		endWorkers: () => Promise.all(processes.filter(({ name }) => name === "worker").map((each) => each.end())),
	};
}
