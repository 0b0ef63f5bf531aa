// Where the database and the artifacts of a command lie: in the home, or where DATABASE_URL and VALENCE_ARTIFACTS say.
import { createHash } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { artifactsOf, isObjectStore } from "../artifacts.js";
import { HomeTaken, ownerOf, takeHome } from "../home/lock.js";
import { DEFAULT_HOME } from "../paths.js";
import { runningPostgres, startPostgres } from "../postgres/embedded.js";
import { say } from "../terminal.js";
import { beginWork, refuseAtWork, type Work } from "./at-work.js";
import { migrationsOf } from "./snapshot.js";
import { refuseUnfinished } from "./unfinished.js";

/** From taking the home until its PostgreSQL answers and has its tables. */
const STARTING_MS = 15_000;

export interface Place {
	url: string;
	/** A folder; where they are in an object store, one for what is on its way there. */
	artifacts: string;
	/** Address of the object store. */
	store: string | null;
	/** Whether the database is the home's own. */
	isEmbedded: boolean;
	/** For people. */
	description: string;
	/** Of the home that both belong to, or that the artifacts belong to. */
	home: string | null;
	close(): Promise<void>;
}

/** What there is to back up, running or not. Throws when nothing is there. */
export async function openSource(): Promise<Place> {
	const given = givenPlace();
	if (!given) return ownSource();
	if (given.store === null && !existsSync(given.artifacts)) throw new Error(`${given.artifacts} is not there`);
	refuseUnfinished(given.artifacts);
	return given;
}

/** A Valence that is just starting is waited for. */
async function ownSource(): Promise<Place> {
	const artifacts = join(DEFAULT_HOME, "artifacts");
	for (const deadline = Date.now() + STARTING_MS; ; await sleep(250)) {
		refuseUnfinished(artifacts);
		if (!existsSync(artifacts) && !ownerOf(DEFAULT_HOME))
			throw new Error(`there is no Valence in ${DEFAULT_HOME}: it has no artifacts`);
		try {
			return await ownPlace("backup");
		} catch (error) {
			if (!(error instanceof HomeTaken)) throw error;
			refuseAtWork(DEFAULT_HOME, error.owner);
			const running = runningPostgres(DEFAULT_HOME);
			if (running && existsSync(artifacts) && (await answers(running.url))) {
				const description = `${DEFAULT_HOME}, while it runs`;
				return {
					...running,
					artifacts,
					store: null,
					isEmbedded: true,
					description,
					home: DEFAULT_HOME,
					close: async () => undefined,
				};
			}
			if (Date.now() < deadline) continue;
			throw new Error(
				`${DEFAULT_HOME} is in use by process ${error.owner.pid}, whose PostgreSQL does not answer: it is just starting, then try again in a moment, or it works on a database of yours, then say which with DATABASE_URL`,
			);
		}
	}
}

/** Whether it takes a query, and not only a connection. */
async function answers(url: string): Promise<boolean> {
	const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
	client.on("error", () => undefined);
	try {
		await client.connect();
		return (await migrationsOf(client)).length > 0;
	} catch {
		return false;
	} finally {
		await client.end().catch(() => undefined);
	}
}

/** Where to restore to; nobody else may work there. */
export async function openTarget(): Promise<Place> {
	const given = givenPlace();
	if (!given) {
		return ownPlace("restore").catch((error) => {
			if (error instanceof HomeTaken) refuseAtWork(DEFAULT_HOME, error.owner);
			throw error;
		});
	}
	const lock = given.home === null ? null : takeHome(given.home);
	return { ...given, close: async () => lock?.release() };
}

function givenPlace(): Place | null {
	const { DATABASE_URL: url, VALENCE_ARTIFACTS: folder } = process.env;
	if (!url) return null;
	if (!/^postgres(ql)?:\/\//.test(url)) throw new Error("DATABASE_URL must be a postgresql:// address");
	const where = artifactsOf(DEFAULT_HOME, process.env);
	const store = isObjectStore(where) ? where : null;
	const artifacts = store === null ? where : join(DEFAULT_HOME, "restoring", digestOf(store));
	const description = `the database of DATABASE_URL and ${where}`;
	const home = folder ? null : DEFAULT_HOME;
	return { url, artifacts, store, isEmbedded: false, description, home, close: async () => undefined };
}

/** So that what is on its way into one store is not taken for what was on its way into another. */
const digestOf = (store: string) => createHash("sha256").update(store).digest("hex").slice(0, 16);

/** Takes the home and starts its PostgreSQL. Throws HomeTaken. */
async function ownPlace(what: Work): Promise<Place> {
	const lock = takeHome(DEFAULT_HOME);
	const work = beginWork(DEFAULT_HOME, what);
	const release = () => {
		work.end();
		lock.release();
	};
	try {
		const logFile = join(DEFAULT_HOME, "logs/postgres.log");
		const log = createWriteStream(logFile, { flags: "a" });
		const write = (line: string) => log.write(`${line}\n`);
		const postgres = await startPostgres({ home: DEFAULT_HOME, log: write, logFile, tell: say });
		return {
			url: postgres.url,
			artifacts: join(DEFAULT_HOME, "artifacts"),
			store: null,
			isEmbedded: true,
			description: DEFAULT_HOME,
			home: DEFAULT_HOME,
			async close() {
				await postgres.stop();
				log.end();
				release();
			},
		};
	} catch (error) {
		release();
		throw error;
	}
}
