// One server process on one data folder: started behind a keeper, found again, ended.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, readlinkSync, realpathSync, statfsSync } from "node:fs";
import { totalmem } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { commandOf, parentOf, startOf } from "../identity.js";
import type { Account } from "./account.js";

const START_MS = 60_000;
/** Replaying what a crash left takes as long as it takes, while the server says that it is at it. */
const RECOVERY_MS = 15 * 60_000;
/** Its last checkpoint writes what has changed in memory. */
const STOP_MS = 60_000;
const LAST_MS = 5_000;
/** Ends PostgreSQL when our end of the pipe closes, so that it never outlives a killed supervisor. */
const KEEPER = 'exec 3<&0; "$@" </dev/null & pid=$!; { cat >/dev/null; kill -INT $pid 2>/dev/null; } <&3 & wait $pid';

export interface ServerFiles {
	native: string;
	folder: string;
	account: Account | null;
}

export function spawnServer({ native, folder, account }: ServerFiles, port: number): ChildProcess {
	const settings = {
		listen_addresses: "127.0.0.1",
		port,
		unix_socket_directories: "",
		max_connections: 400,
		shared_buffers: `${sharedBuffers()}MB`,
		// A feed that is written to fast would else be at checkpoints all the time, each of which makes the rows after it dear.
		max_wal_size: `${mostLog(folder)}MB`,
		checkpoint_timeout: "15min",
		password_encryption: "scram-sha-256",
	};
	const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
	const command = [join(native, "bin/postgres"), "-D", join(folder, "data"), ...options];
	const child = spawn("/bin/sh", ["-c", KEEPER, "sh", ...command], {
		cwd: folder,
		stdio: ["pipe", "ignore", "pipe"],
		detached: true, // a Ctrl-C in the terminal is the supervisor's to handle, in order
		...(account && { uid: account.uid, gid: account.gid }),
	});
	child.stdin?.on("error", () => undefined);
	return child;
}

/** MiB: an eighth of what there is. The indexes of a feed grow at random places, and what is not in memory is read and written again. */
function sharedBuffers(): number {
	const bytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
	return Math.min(1_024, Math.max(64, Math.floor(bytes / 8 / 2 ** 20)));
}

/** MiB: an eighth of the room that is left, and not less than PostgreSQL takes by itself. */
function mostLog(folder: string): number {
	const { bavail, bsize } = statfsSync(folder);
	return Math.min(4_096, Math.max(1_024, Math.floor((bavail * bsize) / 8 / 2 ** 20)));
}

/** Throws when the process ends first, does not answer in time, or nobody wants it any more. */
export async function untilReady(child: ChildProcess, url: string, isWanted = () => true): Promise<void> {
	const started = Date.now();
	for (;;) {
		if (!isWanted()) throw new Error("PostgreSQL is not wanted any more");
		if (child.exitCode !== null || child.signalCode !== null)
			throw new Error(`PostgreSQL ended with ${child.signalCode ?? `status ${child.exitCode}`} while starting`);
		const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
		client.on("error", () => undefined);
		try {
			await client.connect();
			await client.end();
			return;
		} catch (error) {
			const isStarting = (error as { code?: string }).code === "57P03";
			if (Date.now() - started > (isStarting ? RECOVERY_MS : START_MS)) throw error;
			await sleep(50);
		}
	}
}

/** Of the server that runs on these files, ours or an earlier supervisor's; null when none does. */
export function serverOn(data: string): { pid: number; port: number } | null {
	let lines: string[];
	try {
		lines = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n");
	} catch {
		return null;
	}
	const [pid, port] = [Number(lines[0]), Number(lines[3])];
	return pid > 0 && startOf(pid) !== null && isServerOf(pid, data) ? { pid, port } : null;
}

/**
 * A pid is used again by others. The server's working folder is its data, wherever that has been moved; where we may not see
 * that (root without ptrace, another system) its command line names the data.
 */
function isServerOf(pid: number, data: string): boolean {
	try {
		return readlinkSync(`/proc/${pid}/cwd`) === realpathSync(data);
	} catch {
		return commandOf(pid)?.includes(data) ?? false;
	}
}

/** The living supervisor of the server on these files, another than us; null when it has none. */
export function supervisorOf(data: string): number | null {
	const server = serverOn(data);
	if (!server) return null;
	const supervisor = parentOf(parentOf(server.pid)); // between them stands the keeper
	const isOne = supervisor > 1 && supervisor !== process.pid && /\bnode\b/.test(commandOf(supervisor) ?? "");
	return isOne ? supervisor : null;
}

/** Whoever started it: two must never share the files. */
export async function endServer(data: string): Promise<void> {
	const server = serverOn(data);
	if (!server) return;
	const steps: [NodeJS.Signals, number][] = [
		["SIGINT", STOP_MS],
		["SIGQUIT", LAST_MS],
		["SIGKILL", LAST_MS],
	];
	for (const [signal, patience] of steps) {
		try {
			process.kill(server.pid, signal);
		} catch {
			return; // it ended meanwhile
		}
		for (const deadline = Date.now() + patience; Date.now() < deadline; await sleep(50))
			if (startOf(server.pid) === null) return;
	}
	throw new Error(`PostgreSQL with process ${server.pid} holds ${data} and does not end`);
}
