// The environment, read once into a typed object. A bad value stops the process and is named.
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { type Timings, timings } from "./timings.js";

export interface Config {
	databaseUrl: string;
	/** Null: BullMQ on the same PostgreSQL. */
	redisUrl: string | null;
	queuePrefix: string;
	host: string;
	port: number;
	apiKeys: string[];
	allowedHosts: string[];
	trainerAddress: string;
	recommenderAddress: string;
	dashboardDir: string;
	workerHealthPort: number;
	runConcurrency: number;
	device: string;
	logLevel: string;
	exitWithStdin: boolean;
	mostUploadBytes: number;
	/** Memory that lists of recommendations may take in this process, and how deep they are. */
	lists: { bytes: number; depth: number };
	/** Rows of feeds, since the datasets that are served, that this process holds in memory. */
	live: { rows: number };
	timings: Timings;
}

export class BadSetting extends Error {}

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];
const LEAST_KEY_LENGTH = 24;

export function readConfig(environment: Record<string, string | undefined> = process.env): Config {
	const text = (name: string, fallback: string) => environment[name] || fallback;
	const refuse = (name: string, allowed: string): never => {
		throw new BadSetting(`${name} must be ${allowed}`);
	};
	const whole = (name: string, fallback: number, low: number, high: number) => {
		const value = text(name, String(fallback));
		const number = Number(value);
		return /^\d{1,16}$/.test(value) && number >= low && number <= high
			? number
			: refuse(name, `a whole number from ${low} to ${high}, not ${JSON.stringify(value)}`);
	};
	const bytes = (name: string, fallback: string) => {
		const value = text(name, fallback).trim();
		const match = /^(\d{1,15}(?:\.\d{1,3})?)\s*(?:([kmg])(i?)b?|b)?$/i.exec(value);
		if (!match) return refuse(name, `a size such as 256MiB, 1.5GB or 0, not ${JSON.stringify(value)}`);
		const [, number, unit = "", binary] = match;
		// Units without an i are decimal where they name bytes (MB), binary where they do not (M), as most tools read them.
		const base = binary || !/b$/i.test(value) ? 1024 : 1000;
		return Math.floor(Number(number) * base ** ["", "k", "m", "g"].indexOf(unit.toLowerCase()));
	};
	const url = (name: string, protocols: string[]) => {
		const value = environment[name] ?? "";
		const parsed = URL.canParse(value) ? new URL(value) : null;
		return parsed && protocols.includes(parsed.protocol)
			? value
			: refuse(name, `a ${protocols.join(" or ")}// address`);
	};
	const address = (name: string, fallback: string) => {
		const value = text(name, fallback);
		return /^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/.test(value) ? value : refuse(name, "host:port");
	};
	const oneOf = (name: string, fallback: string, allowed: string[]) => {
		const value = text(name, fallback);
		return allowed.includes(value) ? value : refuse(name, `one of ${allowed.join(", ")}`);
	};
	const list = (name: string) =>
		text(name, "")
			.split(",")
			.map((part) => part.trim())
			.filter(Boolean);

	const host = text("HOST", "127.0.0.1");
	const apiKeys = list("API_KEYS");
	if (apiKeys.some((key) => key.length < LEAST_KEY_LENGTH)) {
		refuse("API_KEYS", `keys of at least ${LEAST_KEY_LENGTH} characters, separated by commas`);
	}
	if (!LOOPBACK.has(host) && apiKeys.length === 0) {
		refuse("API_KEYS", `set when HOST is ${host}: only loopback may be served without keys`);
	}
	const device = text("DEVICE", "auto");
	if (!/^(auto|cpu|cuda(:\d+)?)$/.test(device)) refuse("DEVICE", "auto, cpu, cuda or cuda:N");
	const queuePrefix = text("QUEUE_PREFIX", "valence");
	if (!/^[a-z0-9_]{1,40}$/.test(queuePrefix)) refuse("QUEUE_PREFIX", "1 to 40 of a-z, 0-9 and _");

	return Object.freeze({
		databaseUrl: url("DATABASE_URL", ["postgresql:", "postgres:"]),
		redisUrl: environment.REDIS_URL ? url("REDIS_URL", ["redis:", "rediss:"]) : null,
		queuePrefix,
		host,
		port: whole("PORT", 3000, 0, 65535),
		apiKeys,
		allowedHosts: list("ALLOWED_HOSTS"),
		trainerAddress: address("TRAINER_ADDRESS", "127.0.0.1:50051"),
		recommenderAddress: address("RECOMMENDER_ADDRESS", "127.0.0.1:50052"),
		dashboardDir: resolve(text("DASHBOARD_DIR", fileURLToPath(new URL("../../dashboard/dist", import.meta.url)))),
		workerHealthPort: whole("WORKER_HEALTH_PORT", 0, 0, 65535),
		runConcurrency: whole("RUN_CONCURRENCY", 1, 1, 64),
		device,
		logLevel: oneOf("LOG_LEVEL", "info", LEVELS),
		exitWithStdin: oneOf("EXIT_WITH_STDIN", "0", ["0", "1"]) === "1",
		mostUploadBytes: whole("MAX_UPLOAD_BYTES", 10 * 2 ** 30, 1, 2 ** 50),
		lists: { bytes: bytes("LISTS_MEMORY", "256MiB"), depth: whole("LISTS_DEPTH", 200, 1, 1000) },
		live: { rows: whole("LIVE_ROWS", 1_000_000, 0, 100_000_000) },
		timings: timings(whole("TIMING_SCALE", 1, 1, 100)),
	});
}
