// The migrations make the database that schema.prisma describes, once, and whole or not at all.
import { readFile } from "node:fs/promises";
import pg from "pg";
import { type Migration, migrate, readMigrations } from "../../services/api/src/migrate.js";
import { createDatabase, type Database } from "../support/database.js";
import { sqlOf } from "../support/prisma-engine.js";

const databases: Database[] = [];
afterAll(async () => {
	await Promise.all(databases.map((each) => each.drop()));
});

async function empty(): Promise<string> {
	const database = await createDatabase({ isMigrated: false });
	databases.push(database);
	return database.url;
}

async function query<T extends pg.QueryResultRow>(url: string, sql: string): Promise<T[]> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	try {
		return (await client.query<T>(sql)).rows;
	} finally {
		await client.end();
	}
}

/** Everything that makes up the schema public, as PostgreSQL tells it. */
async function catalogue(url: string) {
	return {
		enums: await query(
			url,
			`SELECT t.typname, array_agg(e.enumlabel::text ORDER BY e.enumsortorder) AS labels
			FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid GROUP BY 1 ORDER BY 1`,
		),
		columns: await query(
			url,
			`SELECT c.relname AS table, a.attname AS column, format_type(a.atttypid, a.atttypmod) AS type,
				a.attnotnull AS required, pg_get_expr(d.adbin, d.adrelid) AS default
			FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
			WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
				AND c.relname <> '_prisma_migrations' ORDER BY 1, 2`,
		),
		indexes: await query(
			url,
			`SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> '_prisma_migrations' ORDER BY 1`,
		),
		constraints: await query(
			url,
			`SELECT conrelid::regclass::text AS table, conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint
			WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f', 'c')
				AND conrelid <> coalesce(to_regclass('_prisma_migrations'), 0) ORDER BY 1, 2`,
		),
	};
}

test("migrations and schema.prisma agree: types, nullability, defaults, indexes, foreign keys", async () => {
	const [migrated, described] = [await empty(), await empty()];
	await migrate(migrated);
	await query(described, await sqlOf(await readFile("prisma/schema.prisma", "utf8"), described));
	const expected = await catalogue(described);
	expect(expected.columns.length).toBeGreaterThan(80);
	expect(await catalogue(migrated)).toEqual(expected);
});

test("a second time nothing is done, and the table is the one that Prisma keeps", async () => {
	const url = await empty();
	const names = (await readMigrations()).map(({ name }) => name);
	expect(await migrate(url)).toEqual(names);
	expect(await migrate(url)).toEqual([]);
	const rows = await query<Record<string, unknown>>(url, `SELECT * FROM "_prisma_migrations"`);
	expect(rows.map((row) => row.migration_name)).toEqual(names);
	for (const row of rows) {
		expect(row.checksum).toMatch(/^[0-9a-f]{64}$/);
		expect(row).toMatchObject({ applied_steps_count: 1, logs: null, rolled_back_at: null });
		expect(row.finished_at).toBeInstanceOf(Date);
	}
});

test("processes that start at once migrate once", async () => {
	const url = await empty();
	const applied = await Promise.all([migrate(url), migrate(url), migrate(url), migrate(url)]);
	expect(applied.flat()).toEqual((await readMigrations()).map(({ name }) => name));
});

const migration = (name: string, sql: string): Migration => ({ name, sql, checksum: "c".repeat(64) });

test("a migration that fails half-way leaves nothing, and is done whole once it is mended", async () => {
	const url = await empty();
	const broken = migration("1_broken", "CREATE TABLE half (id int); SELECT nonsense FROM nowhere");
	await expect(migrate(url, [broken])).rejects.toThrow('"nowhere" does not exist');
	expect(await query(url, "SELECT to_regclass('half') AS half")).toEqual([{ half: null }]);
	expect(await migrate(url, [migration("1_broken", "CREATE TABLE half (id int)")])).toEqual(["1_broken"]);
});

test("a migration that was changed after it had been applied is refused", async () => {
	const url = await empty();
	const first = migration("1_first", "SELECT 1");
	await migrate(url, [first]);
	const changed = { ...first, checksum: "d".repeat(64) };
	await expect(migrate(url, [changed])).rejects.toThrow("1_first was changed after it had been applied");
});
