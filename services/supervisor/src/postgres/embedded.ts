// A real PostgreSQL of our own on a free loopback port: found where the home says, kept running, repaired after a kill.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chownSync, existsSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { freePort } from "../ports.js";
import { databaseOf, holdsDatabase, type Place, type PlaceOptions, placeOf } from "./place.js";
import { endServer, serverOn, spawnServer, untilReady } from "./server.js";

const USER = "valence";
const DATABASE = "valence";
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 5_000;
/** So many deaths within so long are no accident any more. */
const MOST_DEATHS = 6;
const DEATHS_MS = 60_000;

export interface EmbeddedPostgres {
	url: string;
	/** For people: where the data is. */
	place: string;
	stop(): Promise<void>;
	/** Resolves when it is given up. */
	gaveUp: Promise<Error>;
}

export interface PostgresOptions extends PlaceOptions {
	home: string;
	/** What the server says. */
	log?: (line: string) => void;
	logFile?: string;
}

export async function startPostgres({
	home,
	log,
	logFile,
	tell = () => undefined,
	...options
}: PostgresOptions): Promise<EmbeddedPostgres> {
	const place = await placeOf(home, { ...options, tell });
	const data = join(place.folder, "data");
	const password = await initialise(place, data, log);
	const port = await freePort();
	const url = urlOf(password, port);
	const maintenance = urlOf(password, port, "postgres");
	const server = new Supervised(place, port, url, { log, logFile, tell });
	try {
		await server.start(maintenance);
		await createDatabase(maintenance);
		place.settle();
	} catch (error) {
		await server.stop();
		throw error;
	}
	return {
		url,
		place: place.description,
		stop: () => server.stop(),
		gaveUp: server.gaveUp,
	};
}

/** The server that runs for this home at the moment, whoever started it. */
export function runningPostgres(home: string): { url: string } | null {
	const folder = existsSync(home) ? databaseOf(realpathSync(home)) : null;
	const server = folder ? serverOn(join(folder, "data")) : null;
	return folder && server ? { url: urlOf(readFileSync(join(folder, "password"), "utf8"), server.port) } : null;
}

const urlOf = (password: string, port: number, database = DATABASE) =>
	`postgresql://${USER}:${password}@127.0.0.1:${port}/${database}`;

interface Saying {
	log: ((line: string) => void) | undefined;
	logFile: string | undefined;
	tell: (message: string) => void;
}

/** Starts the server again whenever it dies, on its port, until it dies too often. */
class Supervised {
	private child: ChildProcess | null = null;
	private isStopping = false;
	private deaths: number[] = [];
	private recovery: Promise<void> = Promise.resolve();
	private giveUp: (error: Error) => void = () => undefined;
	readonly gaveUp = new Promise<Error>((resolve) => {
		this.giveUp = resolve;
	});
	private said = "";

	constructor(
		private readonly place: Place,
		private readonly port: number,
		private readonly url: string,
		private readonly saying: Saying,
	) {}

	async start(url = this.url): Promise<void> {
		const child = spawnServer(this.place, this.port);
		this.child = child;
		child.stderr?.on("data", (chunk: Buffer) => {
			this.said = (this.said + chunk).slice(-2_000);
			this.saying.log?.(chunk.toString().trimEnd());
		});
		let isUp = false;
		child.once("exit", (status, signal) => {
			if (this.isStopping || this.child !== child || !isUp) return;
			this.recovery = this.recover(signal ?? `status ${status}`);
		});
		await untilReady(child, url, () => !this.isStopping).catch((error: Error) => {
			throw new Error(`${error.message}\n${this.said.trimEnd()}`);
		});
		isUp = true;
		// It may have died between its first answer and now.
		if (child.exitCode !== null || child.signalCode !== null) this.recovery = this.recover("a crash");
	}

	private async recover(ended: string): Promise<void> {
		const { tell, logFile } = this.saying;
		let why = ended;
		for (let pause = FIRST_PAUSE_MS; !this.isStopping; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
			const now = Date.now();
			this.deaths = [...this.deaths.filter((at) => now - at < DEATHS_MS), now];
			const where = logFile ? `; its log is ${logFile}` : "";
			if (this.deaths.length >= MOST_DEATHS) {
				const often = `PostgreSQL ended ${MOST_DEATHS} times within ${DEATHS_MS / 1000} s, the last time with ${why}`;
				this.giveUp(new Error(`${often}: it is given up${where}\n${this.said.trimEnd()}`));
				return;
			}
			tell(`PostgreSQL ended with ${why}, starting it again on its port ${this.port}${where}`);
			try {
				await this.endLeftovers();
				await sleep(pause);
				if (this.isStopping) return;
				await this.start();
				tell("PostgreSQL answers again");
				return;
			} catch (error) {
				why = error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
			}
		}
	}

	/** A keeper that was killed leaves its server running: closing the pipe tells that one, too. */
	private async endLeftovers(): Promise<void> {
		this.child?.stdin?.destroy();
		await endServer(join(this.place.folder, "data"));
	}

	async stop(): Promise<void> {
		this.isStopping = true;
		await this.recovery.catch(() => undefined);
		const child = this.child;
		if (!child) return;
		const isGone = child.exitCode !== null || child.signalCode !== null;
		const gone = isGone ? null : once(child, "exit");
		child.stdin?.end();
		await endServer(join(this.place.folder, "data"));
		await gone;
	}
}

/** A half-made cluster never gets the name of a whole one. */
async function initialise(place: Place, data: string, log?: (line: string) => void): Promise<string> {
	const secret = join(place.folder, "password");
	if (holdsDatabase(place.folder)) {
		const known = existsSync(secret) ? readFileSync(secret, "utf8").trim() : "";
		return known || newPassword(place, data);
	}
	const half = `${data}.half`;
	rmSync(half, { recursive: true, force: true });
	const password = writePassword(place);
	const child = spawn(
		join(place.native, "bin/initdb"),
		["-D", half, "-U", USER, "-A", "scram-sha-256", `--pwfile=${secret}`, "-E", "UTF8", "--locale=C"],
		{
			cwd: place.folder,
			stdio: ["ignore", "pipe", "pipe"],
			env: { ...process.env, LC_ALL: "C" },
			...(place.account && { uid: place.account.uid, gid: place.account.gid }),
		},
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

function writePassword({ folder, account }: Place): string {
	const password = randomBytes(24).toString("base64url");
	const secret = join(folder, "password");
	writeFileSync(secret, password, { mode: 0o600, flush: true });
	if (account) chownSync(secret, account.uid, account.gid);
	return password;
}

/** The file with the password is lost, the data is not: who may read the files may set another. */
function newPassword(place: Place, data: string): string {
	const password = writePassword(place);
	const { status, stderr } = spawnSync(join(place.native, "bin/postgres"), ["--single", "-D", data, "postgres"], {
		cwd: place.folder,
		input: `ALTER ROLE ${USER} PASSWORD '${password}';\n`,
		...(place.account && { uid: place.account.uid, gid: place.account.gid }),
	});
	if (status === 0) return password;
	rmSync(join(place.folder, "password"), { force: true });
	throw new Error(`the password of the database in ${place.folder} is lost and cannot be set again:\n${stderr}`);
}

async function createDatabase(url: string): Promise<void> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [DATABASE]);
	if (!rowCount) await client.query(`CREATE DATABASE ${DATABASE}`);
	await client.end();
}
