// The environment, read once into a typed object. A bad value stops the process and is named.
import { isIP } from "node:net";
import { hostname } from "node:os";
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
	/** Addresses and networks whose X-Forwarded-For says from where a request comes. */
	trustedProxies: string[];
	/** Requests a minute of a key without a limit of its own; 0: as many as come. */
	rateLimit: number;
	/** How long the audit log is kept; 0: for ever. */
	auditDays: number;
	trainerAddress: string;
	/** Addresses of recommenders, and how many of them share a checkpoint; 0: all. */
	recommenders: { addresses: string[]; replicas: number };
	dashboardDir: string;
	workerHealthPort: number;
	/** This worker and the trainer beside it. Without a class it follows from the trainer's devices. */
	machine: { name: string; class: string | null };
	/** Classes that may be asked for although none of their machines is there yet. */
	machineClasses: string[];
	runConcurrency: number;
	device: string;
	logLevel: string;
	exitWithStdin: boolean;
	/** Whether traces are sent, as OpenTelemetry's own variables say; where to, it reads itself. */
	traces: boolean;
	mostUploadBytes: number;
	/** Memory that lists of recommendations may take in this process, and how deep they are. */
	lists: { bytes: number; depth: number };
	/** Rows of feeds, since the datasets that are served, that this process holds in memory. */
	live: { rows: number };
	/** Whether answers are recorded, and how many are kept. */
	outcomes: { on: boolean; rows: number };
	timings: Timings;
}

export class BadSetting extends Error {}

const LOOPBACK = new Set(["127.0.0.1", "::1", "localhost"]);
const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];
const LEAST_KEY_LENGTH = 24;
/** Requests a minute: more than one process answers. */
export const MOST_RATE = 1_000_000;

/** Names of machines and of their classes. A queue is called by the class. */
export const MACHINE_NAME = "^[A-Za-z0-9][A-Za-z0-9-]{0,99}$";
export const MACHINE_CLASS = "^[a-z0-9-]{1,40}$";

/** The name of a machine that is given none. */
export const machineNameOf = (host: string) =>
	host
		.replace(/[^A-Za-z0-9]+/g, "-")
		.replace(/^-/, "")
		.slice(0, 100) || "machine";

const isNetwork = (text: string) => {
	const [address = "", bits, ...more] = text.split("/");
	const most = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
	return (
		most > 0 &&
		more.length === 0 &&
		(bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) >= 1 && Number(bits) <= most))
	);
};
const TRACE_ENDPOINTS = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
const TRACE_PROTOCOLS = ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"];

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
	const isAddress = (value: string) => {
		const [, port] = /^(?:[^\s:/]+|\[[0-9a-fA-F:]+\]):(\d{1,5})$/.exec(value) ?? [];
		return Number(port) > 0 && Number(port) < 65_536;
	};
	const address = (name: string, fallback: string) => {
		const value = text(name, fallback);
		return isAddress(value) ? value : refuse(name, "host:port");
	};
	const oneOf = (name: string, fallback: string, allowed: string[]) => {
		const value = text(name, fallback);
		return allowed.includes(value) ? value : refuse(name, `one of ${allowed.join(", ")}`);
	};
	const list = (name: string, fallback = "") =>
		text(name, fallback)
			.split(",")
			.map((part) => part.trim())
			.filter(Boolean);

	const host = text("HOST", "127.0.0.1");
	const apiKeys = list("API_KEYS");
	// What is set and names none would open every door.
	const hasNone = (environment.API_KEYS ?? "") !== "" && apiKeys.length === 0;
	if (hasNone || apiKeys.some((key) => key.length < LEAST_KEY_LENGTH || !/^[!-~]+$/.test(key))) {
		const allowed = `at least ${LEAST_KEY_LENGTH} characters that a header can carry, ASCII without blanks`;
		refuse("API_KEYS", `keys of ${allowed}, separated by commas`);
	}
	if (!LOOPBACK.has(host) && apiKeys.length === 0) {
		refuse("API_KEYS", `set when HOST is ${host}: only loopback may be served without keys`);
	}
	const trustedProxies = list("TRUSTED_PROXIES");
	if (!trustedProxies.every(isNetwork))
		refuse("TRUSTED_PROXIES", "addresses or networks such as 10.0.0.0/8, of at least one bit, separated by commas");
	const allowedHosts = list("ALLOWED_HOSTS");
	if (!allowedHosts.every((name) => /^[A-Za-z0-9._-]+$/.test(name) || isIP(name.replace(/^\[|\]$/g, "")) > 0))
		refuse("ALLOWED_HOSTS", "names of hosts without scheme and port, separated by commas");
	const recommenders = list("RECOMMENDER_ADDRESS", "127.0.0.1:50052");
	if (recommenders.length === 0 || !recommenders.every(isAddress))
		refuse("RECOMMENDER_ADDRESS", "host:port, or several of them separated by commas");
	const traces =
		TRACE_ENDPOINTS.some((name) => environment[name]) && text("OTEL_SDK_DISABLED", "false").toLowerCase() !== "true";
	for (const name of traces ? TRACE_ENDPOINTS : []) if (environment[name]) url(name, ["http:", "https:"]);
	if (traces) for (const name of TRACE_PROTOCOLS) oneOf(name, "http/protobuf", ["http/protobuf"]);
	const device = text("DEVICE", "auto");
	if (!/^(auto|cpu|cuda(:\d+)?)$/.test(device)) refuse("DEVICE", "auto, cpu, cuda or cuda:N");
	const queuePrefix = text("QUEUE_PREFIX", "valence");
	// It begins the name of a schema of PostgreSQL.
	if (!/^[a-z_][a-z0-9_]{0,39}$/.test(queuePrefix))
		refuse("QUEUE_PREFIX", "1 to 40 of a-z, 0-9 and _, the first no digit");
	const machineName = text("MACHINE_NAME", machineNameOf(hostname()));
	if (!new RegExp(MACHINE_NAME).test(machineName))
		refuse("MACHINE_NAME", "1 to 100 of a-z, A-Z, 0-9 and -, the first no -");
	// The command line's word for no class.
	const isClass = (name: string) => name !== "any" && new RegExp(MACHINE_CLASS).test(name);
	const machineClass = environment.MACHINE_CLASS || null;
	if (machineClass !== null && !isClass(machineClass))
		refuse("MACHINE_CLASS", "1 to 40 of a-z, 0-9 and -, and not any");
	const machineClasses = list("MACHINE_CLASSES");
	if (!machineClasses.every(isClass)) refuse("MACHINE_CLASSES", "names of a-z, 0-9 and -, separated by commas");

	return Object.freeze({
		databaseUrl: url("DATABASE_URL", ["postgresql:", "postgres:"]),
		redisUrl: environment.REDIS_URL ? url("REDIS_URL", ["redis:", "rediss:"]) : null,
		queuePrefix,
		host,
		port: whole("PORT", 3000, 0, 65535),
		apiKeys,
		allowedHosts,
		trustedProxies,
		rateLimit: whole("RATE_LIMIT", 0, 0, MOST_RATE),
		auditDays: whole("AUDIT_DAYS", 365, 0, 36_500),
		trainerAddress: address("TRAINER_ADDRESS", "127.0.0.1:50051"),
		recommenders: { addresses: recommenders, replicas: whole("RECOMMENDER_REPLICAS", 0, 0, 1000) },
		dashboardDir: resolve(text("DASHBOARD_DIR", fileURLToPath(new URL("../../dashboard/dist", import.meta.url)))),
		workerHealthPort: whole("WORKER_HEALTH_PORT", 0, 0, 65535),
		machine: { name: machineName, class: machineClass },
		machineClasses,
		runConcurrency: whole("RUN_CONCURRENCY", 1, 1, 64),
		device,
		logLevel: oneOf("LOG_LEVEL", "info", LEVELS),
		traces,
		exitWithStdin: oneOf("EXIT_WITH_STDIN", "0", ["0", "1"]) === "1",
		mostUploadBytes: whole("MAX_UPLOAD_BYTES", 10 * 2 ** 30, 1, 2 ** 50),
		lists: { bytes: bytes("LISTS_MEMORY", "256MiB"), depth: whole("LISTS_DEPTH", 200, 1, 1000) },
		live: { rows: whole("LIVE_ROWS", 1_000_000, 0, 100_000_000) },
		outcomes: {
			on: oneOf("OUTCOMES", "on", ["on", "off"]) === "on",
			rows: whole("OUTCOMES_ROWS", 3_000_000, 1, 1_000_000_000),
		},
		timings: timings(whole("TIMING_SCALE", 1, 1, 100)),
	});
}
