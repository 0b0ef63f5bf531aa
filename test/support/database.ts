// A fresh, migrated database for one test file, on a real server.
import { randomBytes } from "node:crypto";
import pg from "pg";
import { migrate } from "../../services/api/src/migrate.js";

/** The server whose databases tests may create and drop. */
const SERVER = process.env.VALENCE_TEST_POSTGRES ?? "postgresql://postgres@127.0.0.1:5432/postgres";

export interface Database {
	url: string;
	drop(): Promise<void>;
}

async function onServer(sql: string): Promise<void> {
	const client = new pg.Client({ connectionString: SERVER, connectionTimeoutMillis: 5_000 });
	await client.connect().catch((error: Error) => {
		throw new Error(`no PostgreSQL answers at ${SERVER} (VALENCE_TEST_POSTGRES): ${error.message}`);
	});
	await client.query(sql).finally(() => client.end());
}

export async function createDatabase({ isMigrated = true } = {}): Promise<Database> {
	const name = `valence_test_${randomBytes(6).toString("hex")}`;
	await onServer(`CREATE DATABASE ${name}`);
	const url = new URL(SERVER);
	url.pathname = `/${name}`;
	if (isMigrated) await migrate(url.href);
	return { url: url.href, drop: () => onServer(`DROP DATABASE ${name} WITH (FORCE)`) };
}
