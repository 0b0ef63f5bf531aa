// Everything that makes a Valence: PostgreSQL (unless given), trainer, recommender, worker, api.
import { createWriteStream, mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type EmbeddedPostgres, startPostgres } from "./embedded-postgres.js";
import { API, PYTHON, TRAINER } from "./paths.js";
import { freePort } from "./ports.js";
import { Service } from "./service.js";

const READY_MS = 120_000;

export interface Stack {
	url: string;
	services: Service[];
	postgres: EmbeddedPostgres | null;
	stop(): Promise<void>;
	kill(): void;
}

export interface StackOptions {
	home: string;
	/** 0 takes a free one. */
	port: number;
	env?: Record<string, string>;
	/** How the TypeScript processes are started; `npm run dev` watches the sources instead. */
	node?: (entry: "server" | "worker") => { command: string; arguments: string[] };
	tell?: (message: string) => void;
}

const builtNode = (entry: string) => ({ command: process.execPath, arguments: [join(API, `dist/${entry}.js`)] });

export async function startStack({
	home,
	port,
	env = {},
	node = builtNode,
	tell = () => undefined,
}: StackOptions): Promise<Stack> {
	const logs = join(home, "logs");
	mkdirSync(logs, { recursive: true });
	let postgres: EmbeddedPostgres | null = null;
	const services: Service[] = [];
	const stop = async () => {
		// Clients before what they call, PostgreSQL last.
		for (const service of [...services].reverse()) await service.stop();
		await postgres?.stop();
	};
	try {
		let databaseUrl = env.DATABASE_URL ?? process.env.DATABASE_URL;
		if (!databaseUrl) {
			const log = createWriteStream(join(logs, "postgres.log"), { flags: "a" });
			postgres = await startPostgres({ home, log: (line) => log.write(`${line}\n`) });
			databaseUrl = postgres.url;
		}
		const [trainerPort, recommenderPort, apiPort] = [await freePort(), await freePort(), port || (await freePort())];
		const shared = {
			...env,
			DATABASE_URL: databaseUrl,
			PORT: String(apiPort),
			TRAINER_ADDRESS: `127.0.0.1:${trainerPort}`,
			RECOMMENDER_ADDRESS: `127.0.0.1:${recommenderPort}`,
			TRAINER_LISTEN: `127.0.0.1:${trainerPort}`,
			RECOMMENDER_LISTEN: `127.0.0.1:${recommenderPort}`,
			VALENCE_ARTIFACTS: join(home, "artifacts"),
		};
		const start = (name: string, command: string, args: string[], cwd: string) =>
			services.push(
				new Service({ name, command, arguments: args, cwd, env: shared, logFile: join(logs, `${name}.log`) }, tell),
			);
		start("trainer", PYTHON, ["-m", "trainer", "serve"], TRAINER);
		start("recommender", PYTHON, ["-m", "trainer", "serve-recommender"], TRAINER);
		for (const [name, entry] of [
			["worker", "worker"],
			["api", "server"],
		] as const) {
			const { command, arguments: args } = node(entry);
			start(name, command, args, API);
		}
		const url = `http://127.0.0.1:${apiPort}`;
		await untilReady(url, services);
		return {
			url,
			services,
			postgres,
			stop,
			kill: () => {
				for (const service of services) service.kill();
			},
		};
	} catch (error) {
		await stop();
		throw error;
	}
}

async function untilReady(url: string, services: Service[]): Promise<void> {
	let last = "the api does not answer";
	for (const deadline = Date.now() + READY_MS; Date.now() < deadline; await sleep(200)) {
		try {
			const response = await fetch(`${url}/readyz`);
			if (response.ok) return;
			const { checks } = (await response.json()) as { checks: Record<string, { status: string }> };
			last = Object.entries(checks)
				.filter(([, check]) => check.status !== "ok")
				.map(([name]) => name)
				.join(", ");
		} catch {
			// not listening yet
		}
	}
	const culprit = services.find((service) => last.includes(service.spec.name));
	throw new Error(`not ready after ${READY_MS / 1000} s: ${last}\n${culprit?.lastLines() ?? ""}`);
}
