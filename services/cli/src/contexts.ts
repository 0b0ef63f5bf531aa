// Which service a command speaks to: named contexts in a file of the user's own, the environment, or the one that runs here.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { ownerOf } from "@valence/supervisor/home/lock";
import { DEFAULT_HOME } from "@valence/supervisor/paths";
import { Failure, wrongUsage } from "./failure.js";

export interface Context {
	url: string;
	key?: string;
}
export interface Contexts {
	current: string | null;
	contexts: Record<string, Context>;
}
/** A service and how it was found. */
export interface Target extends Context {
	from: string;
	/** Whether it is the one of this checkout, which `valence start` starts. */
	isLocal: boolean;
}

/** The name of the service of this checkout; no context has it. */
export const HERE = "local";
/** Where `valence start` would be. */
export const localUrl = ({ PORT }: NodeJS.ProcessEnv) =>
	`http://127.0.0.1:${/^\d{1,5}$/.test(PORT ?? "") ? PORT : 3000}`;

export function contextsFile(env: NodeJS.ProcessEnv = process.env): string {
	return join(env.XDG_CONFIG_HOME || join(homedir(), ".config"), "valence", "contexts.json");
}

export function readContexts(file = contextsFile()): Contexts {
	if (!existsSync(file)) return { current: null, contexts: {} };
	try {
		const { current, contexts } = JSON.parse(readFileSync(file, "utf8")) as Contexts;
		for (const { url } of Object.values(contexts)) addressOf(url);
		return { current: current ?? null, contexts };
	} catch (error) {
		throw new Failure(`${file} is damaged (${(error as Error).message}); delete it and log in again`);
	}
}

/** Written whole or not at all, readable by its owner alone: it holds keys. */
export function writeContexts(value: Contexts, file = contextsFile()): void {
	mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
	const half = `${file}.${process.pid}`;
	writeFileSync(half, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
	chmodSync(half, 0o600); // a file that a crash left keeps its own mode
	renameSync(half, file);
}

/** The address without what follows the host. Throws when it is none. */
export function addressOf(text: string): string {
	const url = URL.canParse(text) ? new URL(text) : null;
	if (!url || !["http:", "https:"].includes(url.protocol))
		throw wrongUsage(`${text} is no address; one looks like http://127.0.0.1:3000 or https://valence.example.org`);
	return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
}

/** The one that is asked for, else of the environment, else the current context, else the one of this checkout. */
export function targetOf(asked: string | undefined, env: NodeJS.ProcessEnv = process.env): Target {
	if (asked === HERE) return local(env);
	if (asked !== undefined) return { ...named(asked), from: `context ${asked}`, isLocal: false };
	const { VALENCE_URL: url, VALENCE_API_KEY: key } = env;
	const { current, contexts } = readContexts();
	const context = current === null ? undefined : contexts[current];
	const found: Target = url
		? { url: addressOf(url), from: "VALENCE_URL", isLocal: false }
		: context
			? { ...context, from: `context ${current}`, isLocal: false }
			: local(env);
	return key ? { ...found, key } : found;
}

const local = (env: NodeJS.ProcessEnv): Target => ({
	url: ownerOf(DEFAULT_HOME)?.address || localUrl(env),
	from: "this checkout",
	isLocal: true,
});

function named(name: string): Context {
	const { contexts } = readContexts();
	const context = Object.hasOwn(contexts, name) ? contexts[name] : undefined;
	const known = Object.keys(contexts);
	if (!context)
		throw wrongUsage(
			`there is no context ${name}; ${known.length > 0 ? `there are ${known.join(", ")}` : "valence login URL makes one"}`,
		);
	return context;
}
