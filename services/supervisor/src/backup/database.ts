// Filling an empty database from dumped tables, and finding out whether it is empty.
import { type Migration, migrate, readMigrations } from "@valence/api/migrate";
import { forgetExportedFiles, giveBackRestoredJobs } from "@valence/api/restored-jobs";
import pg from "pg";
import { count } from "../terminal.js";
import type { Manifest } from "./archive.js";
import { migrationsOf } from "./snapshot.js";
import { fixFormats, load, MIGRATIONS, setSequence, tablesOf } from "./tables.js";

/** A commit under way ends soon; what takes longer is left to the next restore. */
const SETTLE_TIMEOUT = "60s";

/** The migrations of a backup, as this version has them. Throws when it was written by a newer one. */
export async function knownMigrations({ migrations }: Manifest): Promise<Migration[]> {
	const own = new Map((await readMigrations()).map((migration) => [migration.name, migration]));
	return migrations.map(({ name, checksum }) => {
		const migration = own.get(name);
		if (!migration) throw new Error(`it was written by a newer Valence: this one does not know its migration ${name}`);
		if (migration.checksum !== checksum)
			throw new Error(`it was written by another Valence: its migration ${name} is not the one known here`);
		return migration;
	});
}

export interface State {
	/** "1 row of datasets", "10 rows of runs", ...: of every table, ours or not; none: the database is empty. */
	rows: string[];
	migrations: string[];
	/** Id of the restore that filled it. */
	restoredBy: string | null;
}

export async function stateOf(url: string): Promise<State> {
	return connected(url, async (client) => {
		const { rows } = await client.query<{ comment: string | null }>(
			"SELECT obj_description(to_regclass('public.jobs'), 'pg_class') AS comment",
		);
		return {
			rows: await rowsOf(client),
			migrations: (await migrationsOf(client)).map(({ name }) => name),
			restoredBy: rows[0]?.comment?.replace(/^restored /, "") ?? null,
		};
	});
}

/**
 * Whether a database that was being filled has stayed empty. A connection that is gone may have left a commit under way
 * on the server: this waits for it. Rejects where that cannot be known.
 */
export async function isStillEmpty(url: string): Promise<boolean> {
	return connected(url, async (client) => {
		await client.query(`BEGIN; SET LOCAL lock_timeout = '${SETTLE_TIMEOUT}'`);
		const { rows } = await client.query<{ jobs: string | null }>("SELECT to_regclass('public.jobs') AS jobs");
		if (rows[0]?.jobs) await client.query("LOCK TABLE public.jobs IN SHARE MODE");
		const there = await rowsOf(client);
		await client.query("ROLLBACK");
		return there.length === 0;
	});
}

/**
 * Which database this is, for people and for comparing; addresses and ports change. `isOwn`: of an embedded PostgreSQL,
 * which holds no other, and whose database may be made anew.
 */
export async function identityOf(url: string, isOwn: boolean): Promise<string> {
	return connected(url, async (client) => {
		const { rows } = await client.query<{ name: string; oid: string; may: boolean }>(
			`SELECT datname AS name, oid::text, has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') AS may
			FROM pg_database WHERE datname = current_database()`,
		);
		const { name, oid, may } = rows[0] as { name: string; oid: string; may: boolean };
		const { host } = new URL(url);
		if (!may) return `database ${name} (oid ${oid}) at ${host}`;
		const system = await client.query<{ id: string }>("SELECT system_identifier::text AS id FROM pg_control_system()");
		return `database ${name}${isOwn ? "" : ` (oid ${oid})`} of the PostgreSQL with system identifier ${system.rows[0]?.id}`;
	});
}

/** Of all tables in schema public but what extensions bring. */
async function rowsOf(client: pg.Client): Promise<string[]> {
	const { rows: tables } = await client.query<{ name: string }>(
		`SELECT relname AS name FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> $1
			AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		ORDER BY relname`,
		[MIGRATIONS],
	);
	const found: string[] = [];
	for (const { name } of tables) {
		const { rows } = await client.query<{ n: string }>(`SELECT count(*) AS n FROM public.${pg.escapeIdentifier(name)}`);
		const number = Number(rows[0]?.n);
		if (number > 0) found.push(`${count(number, "row")} of ${name}`);
	}
	return found;
}

/** The embedded PostgreSQL's own database, which holds no rows of ours: made anew, so that any backup fits. */
export async function recreate(url: string): Promise<void> {
	const database = new URL(url).pathname.slice(1);
	await connected(url.replace(/\/[^/]*$/, "/postgres"), async (client) => {
		await client.query(`DROP DATABASE IF EXISTS ${pg.escapeIdentifier(database)} WITH (FORCE)`);
		await client.query(`CREATE DATABASE ${pg.escapeIdentifier(database)}`);
	});
}

/**
 * Schema of the backup, then all rows in one transaction, then what this version has added to the schema. Whoever kills
 * it in the middle leaves no row. Returns the tables that this Valence does not make.
 */
export async function fill(
	url: string,
	manifest: Manifest,
	migrations: Migration[],
	folder: string,
	id: string,
	signal: AbortSignal,
): Promise<string[]> {
	await migrate(url, migrations);
	const strange = await connected(
		url,
		async (client) => {
			await client.query("SET statement_timeout = 0; BEGIN");
			await fixFormats(client);
			const dumped = new Map(manifest.tables.map((table) => [table.name, table]));
			const tables = (await tablesOf(client)).filter(({ name }) => dumped.has(name));
			const names = tables.map(({ name }) => `public.${pg.escapeIdentifier(name)}`);
			await client.query(`LOCK TABLE ${names.join(", ")} IN EXCLUSIVE MODE`);
			const there = await rowsOf(client);
			if (there.length > 0) throw new Error(`the database is no longer empty: ${there.join(", ")}`);
			for (const { name } of tables) {
				const table = dumped.get(name) as Manifest["tables"][number];
				const rows = await load(client, table, folder);
				if (rows !== table.rows) throw new Error(`${name} has ${rows} rows, its manifest says ${table.rows}`);
				dumped.delete(name);
			}
			for (const sequence of manifest.sequences) await setSequence(client, sequence);
			await giveBackRestoredJobs(client);
			await forgetExportedFiles(client);
			await client.query(`COMMENT ON TABLE public.jobs IS ${pg.escapeLiteral(`restored ${id}`)}`);
			signal.throwIfAborted();
			await client.query("COMMIT");
			return [...dumped.keys()];
		},
		signal,
	);
	await migrate(url);
	return strange;
}

async function connected<T>(url: string, work: (client: pg.Client) => Promise<T>, signal?: AbortSignal): Promise<T> {
	const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, keepAlive: true });
	client.on("error", () => undefined); // the query under way says it
	const stop = () => void client.end().catch(() => undefined);
	await client.connect();
	signal?.addEventListener("abort", stop);
	try {
		return await work(client);
	} finally {
		signal?.removeEventListener("abort", stop);
		await client.end().catch(() => undefined);
	}
}
