// A fresh, migrated database for one test file, on a real server.
import { createHash, randomBytes } from "node:crypto";
import pg from "pg";
import { migrate, readMigrations } from "../../services/api/src/migrate.js";

/** The server whose databases tests may create and drop. */
export const SERVER = process.env.VALENCE_TEST_POSTGRES ?? "postgresql://postgres@127.0.0.1:5432/postgres";
/** Whoever makes the template holds it alone, whoever copies it holds it with others; the number is ours alone. */
const TEMPLATE_LOCK = 7_245_198_302;
const TEMPLATE = "valence_template_";
const PREPARED_LOCK = 7_245_198_303;

export interface Database {
	url: string;
	/** Others are copies of it from now on, made by this name. Whoever is connected is cut off. */
	becomeTemplate(template: string): Promise<void>;
	drop(): Promise<void>;
}

async function onServer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
	const client = new pg.Client({ connectionString: SERVER, connectionTimeoutMillis: 30_000 });
	await client.connect().catch((error: Error) => {
		throw new Error(`no PostgreSQL answers at ${SERVER} (VALENCE_TEST_POSTGRES): ${error.message}`);
	});
	return work(client).finally(() => client.end());
}

function urlOf(name: string): string {
	const url = new URL(SERVER);
	url.pathname = `/${name}`;
	return url.href;
}

/** Nobody else does this on the server meanwhile. */
export const withServerLock = (work: () => Promise<void>): Promise<void> =>
	onServer(async (client) => {
		await client.query("SELECT pg_advisory_lock($1)", [PREPARED_LOCK]);
		await work();
	});

/** template: what it is a copy of, where it is another than that of the migrations. */
export async function createDatabase({
	isMigrated = true,
	template,
}: {
	isMigrated?: boolean;
	template?: string;
} = {}): Promise<Database> {
	const name = `valence_test_${randomBytes(6).toString("hex")}`;
	await onServer(async (client) => {
		if (template) await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
		else await (isMigrated ? copyTemplate(client, name) : client.query(`CREATE DATABASE ${name}`));
		// No test ends this server, so that nothing is lost when a commit does not wait for the disk.
		await client.query(`ALTER DATABASE ${name} SET synchronous_commit = off`);
	});
	return {
		url: urlOf(name),
		becomeTemplate: (template) =>
			onServer(async (client) => {
				await client.query(`DROP DATABASE IF EXISTS ${template} WITH (FORCE)`); // of a making that did not end
				await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
				await client.query(`ALTER DATABASE ${name} RENAME TO ${template}`);
				// Also no vacuum: nobody may be in what is copied.
				await client.query(`ALTER DATABASE ${template} ALLOW_CONNECTIONS false`);
			}),
		drop: () => onServer(async (client) => void (await client.query(`DROP DATABASE ${name} WITH (FORCE)`))),
	};
}

/** All migrations take ten times as long as a copy of what they have made. */
async function copyTemplate(client: pg.Client, name: string): Promise<void> {
	const checksums = (await readMigrations()).map((migration) => `${migration.name} ${migration.checksum}\n`);
	const template = TEMPLATE + createHash("sha256").update(checksums.join("")).digest("hex").slice(0, 12);
	const isThere = async () => (await client.query("SELECT FROM pg_database WHERE datname = $1", [template])).rowCount;
	for (;;) {
		await client.query("SELECT pg_advisory_lock_shared($1)", [TEMPLATE_LOCK]);
		if (await isThere()) return void (await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`));
		await client.query("SELECT pg_advisory_unlock_shared($1)", [TEMPLATE_LOCK]);
		await client.query("SELECT pg_advisory_lock($1)", [TEMPLATE_LOCK]);
		if (!(await isThere())) await makeTemplate(client, template);
		await client.query("SELECT pg_advisory_unlock($1)", [TEMPLATE_LOCK]);
	}
}

/** It has its name once it is whole. Those of other migrations go, and what was left half-made. */
async function makeTemplate(client: pg.Client, template: string): Promise<void> {
	const { rows } = await client.query("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", [TEMPLATE]);
	for (const { datname } of rows) await client.query(`DROP DATABASE ${datname} WITH (FORCE)`);
	const unfinished = `${TEMPLATE}unfinished`;
	await client.query(`CREATE DATABASE ${unfinished}`);
	await migrate(urlOf(unfinished));
	await client.query(`ALTER DATABASE ${unfinished} RENAME TO ${template}`);
}
