// The other servers: their environment, made on first use, and each of them as a process.
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { setup } from "../../scripts/setup.mjs";
import { ROOT, TRAINER } from "../../services/supervisor/src/paths.js";
import { freePort } from "../../services/supervisor/src/ports.js";
import { Service } from "../../services/supervisor/src/service.js";
import type { SubjectName } from "./results.js";

export const PYTHONPATH = [TRAINER, join(ROOT, "bench")].join(delimiter);
const PEERS = join(ROOT, "bench/peers");
const REQUIREMENTS = join(PEERS, "requirements.txt");
const VENV = join(PEERS, ".venv");
const START_MS = 180_000;
const CEILING = fileURLToPath(new URL("ceiling-process.ts", import.meta.url));
const PACKAGES: Partial<Record<SubjectName, string>> = {
	ceiling: "fastify",
	fastapi: "fastapi",
	bentoml: "bentoml",
	"bentoml-batching": "bentoml",
	mlflow: "mlflow",
};

export const isPeer = (name: SubjectName) => !["ours", "ceiling"].includes(name);

/** Null once the peers can be started, else why not. */
export async function installPeers(): Promise<string | null> {
	try {
		await setup({ withPeers: true });
		return null;
	} catch (error) {
		// What pip says last is why; without network it is that nothing was found.
		return (error as Error).message.trim().split("\n").at(-1) ?? "";
	}
}

export function versionOf(name: SubjectName): string | null {
	const wanted = PACKAGES[name];
	if (name === "ceiling")
		return JSON.parse(readFileSync(join(ROOT, "node_modules/fastify/package.json"), "utf8")).version;
	return (
		readFileSync(REQUIREMENTS, "utf8")
			.split("\n")
			.find((line) => line.startsWith(`${wanted}==`))
			?.split("==")[1] ?? null
	);
}

export interface Served {
	url: string;
	/** Rejects when the process ends by itself. */
	broken: Promise<never>;
	stop(): Promise<void>;
}

export interface What {
	name: SubjectName;
	artifacts: string;
	checkpoint: string;
	/** The file of bodies for the ceiling, and where logs and a saved model may lie. */
	bodies: string;
	folder: string;
}

/** Starts it on a free port. What answers whom is its caller's to check. */
export async function serve({ name, artifacts, checkpoint, bodies, folder }: What): Promise<Served> {
	const port = String(await freePort());
	const own = join(folder, name);
	rmSync(own, { recursive: true, force: true });
	mkdirSync(own, { recursive: true });
	const isCeiling = name === "ceiling";
	let breakDown: (error: Error) => void = () => undefined;
	const broken = new Promise<never>((_, reject) => {
		breakDown = reject;
	});
	broken.catch(() => undefined);
	const service = new Service(
		{
			name,
			command: isCeiling ? process.execPath : join(VENV, "bin/python"),
			arguments: isCeiling ? ["--import", "tsx", CEILING, bodies, port] : ["-m", "peers.serve", name, port, own],
			cwd: isCeiling ? ROOT : own,
			env: {
				PYTHONPATH,
				// As in an activated environment: MLflow calls uvicorn by name.
				PATH: [join(VENV, "bin"), process.env.PATH].join(delimiter),
				BENCH_ARTIFACTS: artifacts,
				BENCH_CHECKPOINT: checkpoint,
				BENTOML_DO_NOT_TRACK: "True",
				BENTOML_HOME: join(own, "bentoml"),
				MLFLOW_DISABLE_TELEMETRY: "true",
				DO_NOT_TRACK: "true",
			},
			logFile: join(own, "log"),
		},
		(message) => {
			breakDown(new Error(`${message}\n${service.lastLines()}`));
			service.kill();
		},
		breakDown,
	);
	return { url: `http://127.0.0.1:${port}`, broken, stop: () => service.stop() };
}

/** Resolves with the first answer that `attempt` gets. */
export async function untilAnswered<T>({ broken }: Served, attempt: () => Promise<T>): Promise<T> {
	for (const until = Date.now() + START_MS; ; await Promise.race([sleep(250), broken])) {
		try {
			return await attempt();
		} catch (error) {
			if (Date.now() > until) throw error;
		}
	}
}
