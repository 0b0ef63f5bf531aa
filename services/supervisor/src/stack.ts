// Everything that makes a Valence: PostgreSQL (unless given), trainer, recommender, worker, api.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { artifactsOf, cacheOf } from "./artifacts.js";
import { refuseUnfinished } from "./backup/unfinished.js";
import { API, PYTHON, TRAINER } from "./paths.js";
import { freePort } from "./ports.js";
import { type EmbeddedPostgres, startPostgres } from "./postgres/embedded.js";
import { openLog, Service } from "./service.js";

const READY_MS = 120_000;

export interface Stack {
	url: string;
	services: Service[];
	postgres: EmbeddedPostgres | null;
	/** Resolves when it cannot go on: a process refuses its settings, or PostgreSQL is given up. */
	broken: Promise<Error>;
	stop(): Promise<void>;
	kill(): void;
}

export interface StackOptions {
	home: string;
	/** 0 takes a free one. */
	port: number;
	env?: Record<string, string>;
	/** How the TypeScript processes are started; `valence dev` watches the sources instead. */
	node?: (entry: "server" | "worker") => { command: string; arguments: string[] };
	tell?: (message: string) => void;
	/** As of `startPostgres`. */
	isNew?: boolean;
	trustsCopy?: boolean;
	/** Gives the start up; what has begun is ended before the promise rejects. */
	signal?: AbortSignal;
}

const builtNode = (entry: string) => ({ command: process.execPath, arguments: [join(API, `dist/${entry}.js`)] });

export async function startStack({
	home,
	port,
	env = {},
	node = builtNode,
	tell = () => undefined,
	isNew = false,
	trustsCopy = false,
	signal = new AbortController().signal,
}: StackOptions): Promise<Stack> {
	const artifacts = artifactsOf(home, { ...process.env, ...env });
	refuseUnfinished(artifacts);
	const logs = join(home, "logs");
	mkdirSync(logs, { recursive: true });
	let postgres: EmbeddedPostgres | null = null;
	const services: Service[] = [];
	let breakDown: (error: Error) => void = () => undefined;
	const broken = new Promise<Error>((resolve) => {
		breakDown = resolve;
	});
	const stop = async () => {
		// Clients before what they call, PostgreSQL last.
		for (const service of [...services].reverse()) await service.stop();
		await postgres?.stop();
	};
	try {
		let databaseUrl = env.DATABASE_URL ?? process.env.DATABASE_URL;
		if (!databaseUrl) {
			const logFile = join(logs, "postgres.log");
			const log = openLog(logFile);
			const say = (line: string) => log.write(`${line}\n`);
			postgres = await startPostgres({ home, log: say, logFile, tell, isNew, trustsCopy });
			postgres.gaveUp.then(breakDown);
			signal.throwIfAborted();
			databaseUrl = postgres.url;
		}
		const [trainerPort, recommenderPort, apiPort] = [await freePort(), await freePort(), port || (await freePort())];
		const shared: Record<string, string> = {
			...env,
			DATABASE_URL: databaseUrl,
			PORT: String(apiPort),
			TRAINER_ADDRESS: `127.0.0.1:${trainerPort}`,
			RECOMMENDER_ADDRESS: `127.0.0.1:${recommenderPort}`,
			TRAINER_LISTEN: `127.0.0.1:${trainerPort}`,
			RECOMMENDER_LISTEN: `127.0.0.1:${recommenderPort}`,
			VALENCE_ARTIFACTS: artifacts,
			VALENCE_CACHE: cacheOf(home, { ...process.env, ...env }),
		};
		const start = (name: string, command: string, args: string[], cwd: string) =>
			services.push(
				new Service(
					{ name, command, arguments: args, cwd, env: shared, logFile: join(logs, `${name}.log`) },
					tell,
					breakDown,
				),
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
		const url = `http://${reachableHost(shared.HOST ?? process.env.HOST)}:${apiPort}`;
		const aborted = new Promise<Error>((resolve) => {
			signal.addEventListener("abort", () => resolve(new Error("the start was given up")));
			if (signal.aborted) resolve(new Error("the start was given up"));
		});
		await Promise.race([
			untilReady(url, services),
			Promise.race([broken, aborted]).then((error) => {
				throw error;
			}),
		]);
		return {
			url,
			services,
			postgres,
			broken,
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

/** Where this machine reaches a service that listens on `host`. */
export function reachableHost(host = "127.0.0.1"): string {
	if (["", "0.0.0.0", "::", "localhost"].includes(host)) return "127.0.0.1";
	return host.includes(":") ? `[${host}]` : host;
}

async function untilReady(url: string, services: Service[]): Promise<void> {
	let last = "the api does not answer";
	let isLoading = false;
	for (const deadline = Date.now() + READY_MS; Date.now() < deadline; await sleep(200)) {
		try {
			const response = await fetch(`${url}/readyz`);
			const { status, checks } = (await response.json()) as {
				status: string;
				checks: Record<string, { status: string }>;
			};
			if (status === "ok") return;
			const missing = Object.entries(checks).filter(([, check]) => check.status !== "ok");
			isLoading = missing.every(([, check]) => check.status === "loading");
			last = missing.map(([name]) => name).join(", ");
		} catch {
			isLoading = false; // not listening yet, or no more
		}
	}
	// What is deployed may be large; it goes on being loaded, and all the rest can be used.
	if (isLoading) return;
	const culprit = services.find((service) => last.includes(service.spec.name));
	throw new Error(`not ready after ${READY_MS / 1000} s: ${last}\n${culprit?.lastLines() ?? ""}`);
}
