// The real thing for one file of failure tests: PostgreSQL, queue, trainer and workers as processes; the api in ours.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildApp } from "../../services/api/src/app.js";
import { readConfig } from "../../services/api/src/config.js";
import { freePort } from "../../services/supervisor/src/ports.js";
import { createDatabase, type Database } from "./database.js";
import { importInteractions, untilReached } from "./interactions.js";
import type { OtherHost } from "./other-host.js";
import { copyArtifacts, type Prepared, prepared } from "./prepared.js";
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

/** With a dataset and a run that nothing happened to. */
export async function startStack(options: StackOptions = {}) {
	const { databaseUrl, trainerEnvironment } = options;
	const isUsual = databaseUrl === undefined && trainerEnvironment === undefined;
	return (isUsual && (await copied(options))) || first(options);
}

/** A copy of the first one, where that is kept. */
async function copied(options: StackOptions) {
	const from = await prepared(async (template, artifacts) => {
		const stack = await first({});
		await stack.end();
		copyArtifacts(stack.artifacts, artifacts);
		rmSync(stack.artifacts, { recursive: true });
		await stack.database?.becomeTemplate(template);
		return { dataset: stack.dataset, undisturbed: stack.undisturbed };
	});
	return from && start(options, await createDatabase({ template: from.template }), from);
}

const first = async (options: StackOptions) =>
	start(options, options.databaseUrl === undefined ? await createDatabase() : null, null);

async function start(
	{ databaseUrl, redisUrl, trainerEnvironment = {} }: StackOptions,
	database: Database | null,
	from: Prepared | null,
) {
	const artifacts = mkdtempSync(join(tmpdir(), "valence-failure-"));
	if (from) copyArtifacts(from.artifacts, artifacts);
	const address = `127.0.0.1:${await freePort()}`;
	const recommender = `127.0.0.1:${await freePort()}`;
	const env: Record<string, string> = {
		DATABASE_URL: databaseUrl ?? (database?.url as string),
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
	const spawn = (name: string, command: string, given: string[], cwd: string, more: Record<string, string> = {}) => {
		const started = new Process(name, command, given, { ...env, ...more }, cwd);
		processes.push(started);
		return started;
	};
	const startTrainer = (more: Record<string, string> = {}) =>
		spawn("trainer", ...TRAINER_COMMAND, TRAINER, { ...trainerEnvironment, ...more });
	const startRecommender = (more: Record<string, string> = {}) =>
		spawn("recommender", PYTHON, ["-m", "trainer", "serve-recommender"], TRAINER, more);
	/** A machine of its own unless it is given the name of another. */
	const startWorker = (more: Record<string, string> = {}) => {
		const name = { MACHINE_NAME: `machine-${processes.length}` };
		return spawn("worker", ...WORKER_COMMAND, ROOT, { ...name, ...more });
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
			trainer: spawn("other trainer", ...host.command(...TRAINER_COMMAND), TRAINER, own),
			worker: spawn("other worker", ...host.command(...WORKER_COMMAND), ROOT, own),
		};
	}
	const startApi = (port: number, more: Record<string, string> = {}) =>
		spawn("api", process.execPath, ["services/api/dist/server.js"], ROOT, { PORT: String(port), ...more });
	const logs = () => processes.map(({ name, pid, log }) => `${name} ${pid}:\n${log.slice(-4_000)}`).join("\n");

	const app = await buildApp(readConfig({ ...env, LOG_LEVEL: "silent" }), "routes");
	await app.ready();

	/** Of its processes. */
	async function end(): Promise<void> {
		await Promise.all(processes.map((each) => each.end()));
		await app.close();
		await until("no training child is left", () => trainerChildren(artifacts).length === 0, 30);
	}
	async function stop(): Promise<void> {
		await end();
		await database?.drop();
		rmSync(artifacts, { recursive: true, force: true });
	}

	let runs: ReturnType<typeof runsOf>;
	let dataset: string;
	let undisturbed: string;
	try {
		startTrainer();
		if (from) {
			({ dataset, undisturbed } = from);
			runs = runsOf(app, dataset, logs);
			await untilReached(app.trainer);
			await app.catalogue.models(); // the api remembers them from the first launch on
		} else {
			const worker = startWorker();
			dataset = await importInteractions(app);
			runs = runsOf(app, dataset, logs);
			undisturbed = await runs.launch();
			await runs.ends(undisturbed);
			await worker.end("SIGTERM");
		}
	} catch (error) {
		const said = logs();
		await stop();
		throw new Error(`the stack does not start: ${error}\n${said}`);
	}

	return {
		app,
		prisma: app.prisma,
		artifacts,
		database,
		...runs,
		dataset,
		/** The same run that nothing happened to. */
		undisturbed,
		startTrainer,
		startRecommender,
		startWorker,
		startMachine,
		startMachineOn,
		startApi,
		/** Ends it, and leaves what it has written. */
		end,
		stop,
		/** The trainer that was started last. */
		trainer: () => processes.findLast(({ name }) => name === "trainer") as Process,
		children: () => trainerChildren(artifacts),
		/** Ends every worker, so that the next test starts from none. */
		endWorkers: () => Promise.all(processes.filter(({ name }) => name === "worker").map((each) => each.end())),
	};
}
