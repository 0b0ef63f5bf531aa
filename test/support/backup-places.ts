// Databases on one embedded PostgreSQL, each with a folder for its artifacts: what is backed up, and where it is restored.
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { startPostgres } from "../../services/supervisor/src/postgres/embedded.js";

export async function query<T extends object>(url: string, sql: string): Promise<T[]> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	const { rows } = await client.query<T>(sql);
	await client.end();
	return rows;
}

export async function startPlaces() {
	const root = mkdtempSync(join(tmpdir(), "valence-places-"));
	chmodSync(root, 0o755); // PostgreSQL may run as another account
	mkdirSync(join(root, "home"));
	const postgres = await startPostgres({ home: join(root, "home") });
	return {
		root,
		/** An empty database; the folder is not there yet. */
		async place(name: string) {
			await query(postgres.url, `CREATE DATABASE ${name}`);
			const url = new URL(postgres.url);
			url.pathname = `/${name}`;
			return { DATABASE_URL: url.href, VALENCE_ARTIFACTS: join(root, `${name}-artifacts`) };
		},
		async stop() {
			await postgres.stop();
			rmSync(root, { recursive: true, force: true });
		},
	};
}
