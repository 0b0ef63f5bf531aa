// A real PostgreSQL of our own on a free loopback port. Whatever was killed before is repaired at the next start.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chownSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { startOf } from "./identity.js";
import { freePort } from "./ports.js";
import { forgetEarlierHome, type Place, placeOf } from "./postgres-place.js";

const USER = "valence";
const DATABASE = "valence";
const START_MS = 60_000;
const STOP_MS = 10_000;
/** Ends PostgreSQL when our end of the pipe closes, so that it never outlives a killed supervisor. */
const KEEPER = 'exec 3<&0; "$@" </dev/null & pid=$!; { cat >/dev/null; kill -INT $pid 2>/dev/null; } <&3 & wait $pid';

export interface EmbeddedPostgres {
	url: string;
	stop(): Promise<void>;
	/** Stops hard, as a crash would, and starts again on the same port. */
	restart(): Promise<void>;
}

export async function startPostgres({
	home,
	log,
}: {
	home: string;
	log?: (line: string) => void;
}): Promise<EmbeddedPostgres> {
	const place = placeOf(home);
	const data = join(place.folder, "data");
	await stopOrphan(data);
	forgetEarlierHome(home, place);
	const password = await initialise(place, data, log);
	const port = await freePort();
	const url = `postgresql://${USER}:${password}@127.0.0.1:${port}/${DATABASE}`;
	let child = run(place, data, port, log);
	await waitUntilReady(child, url.replace(/\/[^/]*$/, "/postgres"));
	await createDatabase(url.replace(/\/[^/]*$/, "/postgres"));

	async function stop(signal: NodeJS.Signals = "SIGINT"): Promise<void> {
		if (child.exitCode !== null || child.signalCode !== null) return;
		const gone = once(child, "exit");
		if (signal === "SIGINT") child.stdin?.end();
		else signalServer(data, signal);
		const late = setTimeout(() => signalServer(data, "SIGQUIT"), STOP_MS);
		await gone;
		clearTimeout(late);
		child.stdin?.end();
	}
	return {
		url,
		stop,
		async restart() {
			await stop("SIGQUIT");
			child = run(place, data, port, log);
			await waitUntilReady(child, url);
		},
	};
}

function run(place: Place, data: string, port: number, log?: (line: string) => void): ChildProcess {
	const settings = {
		listen_addresses: "127.0.0.1",
		port,
		unix_socket_directories: "",
		max_connections: 80,
		shared_buffers: "64MB",
		password_encryption: "scram-sha-256",
	};
	const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
	const child = spawn("/bin/sh", ["-c", KEEPER, "sh", join(place.native, "bin/postgres"), "-D", data, ...options], {
		cwd: place.folder,
		stdio: ["pipe", "ignore", "pipe"],
		...place.account,
	});
	child.stdin?.on("error", () => undefined);
	child.stderr?.on("data", (chunk: Buffer) => log?.(chunk.toString().trimEnd()));
	return child;
}

/** A half-made cluster never gets the name of a whole one. */
async function initialise(place: Place, data: string, log?: (line: string) => void): Promise<string> {
	const secret = join(place.folder, "password");
	if (existsSync(join(data, "PG_VERSION")) && existsSync(secret)) return readFileSync(secret, "utf8");
	const half = `${data}.half`;
	rmSync(half, { recursive: true, force: true });
	rmSync(data, { recursive: true, force: true });
	const password = randomBytes(24).toString("base64url");
	writeFileSync(secret, password, { mode: 0o600 });
	if (place.account) chownSync(secret, place.account.uid, place.account.gid);
	const child = spawn(
		join(place.native, "bin/initdb"),
		["-D", half, "-U", USER, "-A", "scram-sha-256", `--pwfile=${secret}`, "-E", "UTF8", "--locale=C"],
		{ cwd: place.folder, stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, LC_ALL: "C" }, ...place.account },
	);
	let said = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream.on("data", (chunk: Buffer) => {
			said += chunk;
		});
	}
	const [status] = (await once(child, "exit")) as [number | null];
	log?.(said.trimEnd());
	if (status !== 0) throw new Error(`PostgreSQL could not be initialised:\n${said.slice(-2000)}`);
	renameSync(half, data);
	return password;
}

async function waitUntilReady(child: ChildProcess, url: string): Promise<void> {
	const deadline = Date.now() + START_MS;
	for (;;) {
		if (child.exitCode !== null) throw new Error(`PostgreSQL ended with status ${child.exitCode} while starting`);
		const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
		client.on("error", () => undefined);
		try {
			await client.connect();
			await client.end();
			return;
		} catch (error) {
			if (Date.now() > deadline) throw error;
			await sleep(50);
		}
	}
}

async function createDatabase(url: string): Promise<void> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [DATABASE]);
	if (!rowCount) await client.query(`CREATE DATABASE ${DATABASE}`);
	await client.end();
}

const serverPid = (data: string) => {
	try {
		return Number(readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]);
	} catch {
		return 0;
	}
};

function signalServer(data: string, signal: NodeJS.Signals): void {
	const pid = serverPid(data);
	if (pid > 0) process.kill(pid, signal);
}

/** A server of an earlier supervisor that was killed holds the data; two must never share it. */
async function stopOrphan(data: string): Promise<void> {
	const pid = serverPid(data);
	if (pid <= 0 || startOf(pid) === null || !isPostgres(pid, data)) return;
	process.kill(pid, "SIGINT");
	for (const deadline = Date.now() + STOP_MS; startOf(pid) !== null; await sleep(50)) {
		if (Date.now() > deadline) process.kill(pid, "SIGQUIT");
	}
}

function isPostgres(pid: number, data: string): boolean {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(data);
	} catch {
		return process.platform !== "linux";
	}
}
