// Applies prisma/migrations as plain SQL and keeps Prisma's own table, so that `prisma migrate deploy` agrees
// wherever its engine is available (docs/adr/0008).
import { createHash, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import pg from "pg";

const FOLDER = fileURLToPath(new URL("../../../prisma/migrations", import.meta.url));

/** One process migrates at a time; the number is ours alone. */
const ADVISORY_LOCK = 7_245_198_301;
const TABLE = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY, "checksum" VARCHAR(64) NOT NULL, "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL, "logs" TEXT, "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(), "applied_steps_count" INTEGER NOT NULL DEFAULT 0)`;

export interface Migration {
	name: string;
	sql: string;
	checksum: string;
}

export async function readMigrations(folder = FOLDER): Promise<Migration[]> {
	const entries = await readdir(folder, { withFileTypes: true });
	const names = entries
		.filter((entry) => entry.isDirectory())
		.map((entry) => entry.name)
		.sort();
	return Promise.all(
		names.map(async (name) => {
			const sql = await readFile(join(folder, name, "migration.sql"), "utf8");
			return { name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
		}),
	);
}

/** Applies what is missing, each migration in a transaction of its own. Returns the names applied. */
export async function migrate(databaseUrl: string, migrations?: Migration[]): Promise<string[]> {
	const wanted = migrations ?? (await readMigrations());
	const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
	client.on("error", () => undefined); // the query under way rejects; without a listener the process would end
	await client.connect();
	try {
		await client.query("SELECT pg_advisory_lock($1)", [ADVISORY_LOCK]);
		await client.query(TABLE);
		const { rows } = await client.query<{ migration_name: string; checksum: string }>(
			`SELECT migration_name, checksum FROM "_prisma_migrations" WHERE rolled_back_at IS NULL AND finished_at IS NOT NULL`,
		);
		const applied = new Map(rows.map((row) => [row.migration_name, row.checksum]));
		const done: string[] = [];
		for (const migration of wanted) {
			const checksum = applied.get(migration.name);
			if (checksum === undefined) {
				await apply(client, migration);
				done.push(migration.name);
			} else if (checksum !== migration.checksum) {
				throw new Error(`migration ${migration.name} was changed after it had been applied`);
			}
		}
		return done;
	} finally {
		await client.end();
	}
}

async function apply(client: pg.Client, { name, sql, checksum }: Migration): Promise<void> {
	await client.query("BEGIN");
	try {
		// A long read must delay the migration, not every query that queues up behind its lock.
		await client.query("SET LOCAL lock_timeout = '3s'");
		await client.query(sql);
		await client.query(
			`INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count) VALUES ($1, $2, $3, now(), 1)`,
			[randomUUID(), checksum, name],
		);
		await client.query("COMMIT");
	} catch (error) {
		await client.query("ROLLBACK").catch(() => undefined); // of a lost connection PostgreSQL does it itself
		throw error;
	}
}
