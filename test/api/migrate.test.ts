// The migrations make the database that schema.prisma describes, once, and whole or not at all.
import { spawnSync } from "node:child_process";
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

test("the process that an upgrade runs does it, and says what is wrong", async () => {
	const url = await empty();
	const run = (databaseUrl: string) =>
		spawnSync(process.execPath, ["services/api/dist/migration.js"], {
			encoding: "utf8",
			env: { DATABASE_URL: databaseUrl },
		});
	const names = (await readMigrations()).map(({ name }) => name);
	expect(run(url)).toMatchObject({ status: 0, stdout: `applied ${names.join(", ")}\n` });
	expect(run(url)).toMatchObject({ status: 0, stdout: "nothing to apply\n" });
	expect(run("mysql://x")).toMatchObject({ status: 2, stderr: expect.stringContaining("DATABASE_URL must be") });
	expect(run("postgresql://nobody@127.0.0.1:1/none")).toMatchObject({
		status: 1,
		stderr: expect.stringMatching(/^migration: \S/),
	});
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

test("rows from before the keep rules: everything is kept, and evaluations know their epoch", async () => {
	const url = await empty();
	const all = await readMigrations();
	await migrate(
		url,
		all.filter(({ name }) => name < "20261125220000_keep"),
	);
	const [dataset, experiment, run, evaluation, checkpoint] = ["1", "2", "3", "4", "5"].map(
		(digit) => `${digit}0000000-0000-4000-8000-000000000000`,
	);
	await query(
		url,
		`INSERT INTO jobs (id, kind, state) VALUES ('${dataset}', 'import', 'SUCCEEDED'), ('${run}', 'run', 'SUCCEEDED'), ('${evaluation}', 'evaluation', 'SUCCEEDED');
		INSERT INTO datasets (id, name, digest, rule, files) VALUES ('${dataset}', 'd', 'd', '{}', '[]');
		INSERT INTO experiments (id, name, dataset_id, spec, mask_test, cutoffs, protocol_hash) VALUES ('${experiment}', 'e', '${dataset}', '{}', 'train', '{20}', 'p');
		INSERT INTO runs (id, experiment_id, dataset_id, model, config, config_hash, seed, position) VALUES ('${run}', '${experiment}', '${dataset}', 'valid', '{}', 'c', 1, 0);
		INSERT INTO checkpoints (id, run_id, epoch, key, sha256, bytes) VALUES ('${checkpoint}', '${run}', 42, 'k', 's', 1);
		INSERT INTO evaluations (id, run_id, checkpoint_id, split, mask_test, cutoffs, protocol_hash, metrics) VALUES ('${evaluation}', '${run}', '${checkpoint}', 'test', 'train', '{20}', 'p', '{"recall@20": 0.5}')`,
	);
	await migrate(url);
	expect(await query(url, "SELECT keep_checkpoints, keep_runs, metrics FROM experiments")).toEqual([
		{ keep_checkpoints: "best+last", keep_runs: null, metrics: ["recall", "ndcg"] },
	]);
	await query(url, "DELETE FROM checkpoints");
	expect(await query(url, "SELECT epoch, checkpoint_id, metrics, metric_names FROM evaluations")).toEqual([
		{ epoch: 42, checkpoint_id: null, metrics: { "recall@20": 0.5 }, metric_names: ["recall", "ndcg"] },
	]);
	expect(await query(url, "SELECT values_users, metric_groups FROM runs")).toEqual([
		{ values_users: null, metric_groups: [] },
	]);
});

test("rows of an earlier version survive: what was deployed keeps its words, a run its furthest epoch", async () => {
	const url = await empty();
	const all = await readMigrations();
	const split = all.findIndex(({ name }) => name.endsWith("crashes_in_place"));
	await migrate(url, all.slice(0, split));
	const [job, data, experiment, checkpoint] = [1, 2, 3, 4].map((n) => `00000000-0000-4000-8000-00000000000${n}`);
	await query(
		url,
		`INSERT INTO jobs (id, kind, state, crashes) VALUES ('${job}', 'run', 'RUNNING', 2), ('${data}', 'import', 'SUCCEEDED', 0);
		INSERT INTO datasets (id, name, digest, rule, files) VALUES ('${data}', 'books', 'd', '{}', '[]');
		INSERT INTO experiments (id, name, dataset_id, spec, mask_test, protocol_hash) VALUES ('${experiment}', 'first', '${data}', '{}', 'train', 'p');
		INSERT INTO runs (id, experiment_id, dataset_id, model, config, config_hash, seed, position, epoch)
			VALUES ('${job}', '${experiment}', '${data}', 'valid', '{}', 'c', 1, 0, 7);
		INSERT INTO checkpoints (id, run_id, epoch, key, sha256, bytes) VALUES ('${checkpoint}', '${job}', 5, 'k', 's', 1);
		INSERT INTO deployments (name, checkpoint_id) VALUES ('default', '${checkpoint}');
		INSERT INTO deployment_history (deployment_name, checkpoint_id) VALUES ('default', '${checkpoint}')`,
	);
	await migrate(url, all);
	expect(await query(url, "SELECT crashes, crashes_in_place FROM jobs WHERE kind = 'run'")).toEqual([
		{ crashes: 2, crashes_in_place: 0 },
	]);
	expect(await query(url, "SELECT furthest_epoch FROM runs")).toEqual([{ furthest_epoch: 7 }]);
	await query(url, "DELETE FROM deployments; DELETE FROM checkpoints");
	const [entry] = await query(url, "SELECT * FROM deployment_history");
	expect(entry).toMatchObject({
		deployment_name: "default",
		checkpoint_id: null,
		run_id: job,
		model: "valid",
		epoch: 5,
		experiment_name: "first",
		dataset_name: "books",
		removed_at: null,
	});
});

test("ids that feeds once took with blanks around them are what an import makes of them, and rows that are then the same count once", async () => {
	const url = await empty();
	const all = await readMigrations();
	await migrate(
		url,
		all.slice(
			0,
			all.findIndex(({ name }) => name.endsWith("bare_feed_ids")),
		),
	);
	await query(
		url,
		`INSERT INTO feeds (name, interactions, users, items) VALUES ('shop', 9, 6, 4), ('other', 1, 1, 1);
		INSERT INTO feed_users (feed_id, key, id) VALUES (1, 1, 'a'), (1, 2, 'a '), (1, 3, E'\\u3000a'), (1, 4, ' new'), (1, 5, E'new\\u00a0'), (1, 6, 'c'), (2, 7, 'a');
		INSERT INTO feed_items (feed_id, key, id, title) VALUES (1, 1, 'x', 'X'), (1, 2, ' x', 'blank'), (1, 3, ' ', NULL), (1, 4, E'y\\t', 'Y'), (2, 5, 'x', NULL);
		INSERT INTO feed_interactions (feed_id, user_key, item_key, at, value, event_id) VALUES
			(1, 2, 1, '2026-01-01', 2, 'first'), (1, 1, 1, '2026-01-02', 1, NULL), (1, 1, 2, '2026-01-01', 3, NULL), (1, 3, 2, '2026-01-01', 4, NULL),
			(1, 4, 4, '2026-01-01', 5, NULL), (1, 5, 4, '2026-01-02', 6, 'e'), (1, 5, 3, '2026-01-02', 7, NULL), (1, 6, 3, '2026-01-02', 8, NULL),
			(1, 3, 1, '2026-01-03', 9, NULL), (2, 7, 5, '2026-01-01', 1, NULL)`,
	);
	await migrate(url, all);
	expect(
		await query(
			url,
			`SELECT f.name, u.id AS user, i.id AS item, i.title, to_char(at, 'DD') AS day, value, event_id AS event FROM feed_interactions r
			JOIN feeds f ON f.id = r.feed_id JOIN feed_users u ON u.key = user_key JOIN feed_items i ON i.key = item_key ORDER BY f.id, seq`,
		),
	).toEqual([
		{ name: "shop", user: "a", item: "x", title: "X", day: "01", value: 2, event: "first" },
		{ name: "shop", user: "a", item: "x", title: "X", day: "02", value: 1, event: null },
		{ name: "shop", user: "new", item: "y", title: "Y", day: "01", value: 5, event: null },
		{ name: "shop", user: "new", item: "y", title: "Y", day: "02", value: 6, event: "e" },
		{ name: "shop", user: "a", item: "x", title: "X", day: "03", value: 9, event: null },
		{ name: "other", user: "a", item: "x", title: null, day: "01", value: 1, event: null },
	]);
	expect(await query(url, "SELECT interactions::int, users::int, items::int FROM feeds ORDER BY id")).toEqual([
		{ interactions: 5, users: 2, items: 2 },
		{ interactions: 1, users: 1, items: 1 },
	]);
	expect(await query(url, "SELECT id FROM feed_users ORDER BY key")).toEqual([{ id: "a" }, { id: "new" }, { id: "a" }]);
	expect(await query(url, "SELECT removals::int, described::int FROM feeds ORDER BY id")).toEqual([
		{ removals: 1, described: 1 },
		{ removals: 0, described: 0 },
	]);
});

test("means over nobody were stored as 0: where a part is empty they are no numbers any more", async () => {
	const url = await empty();
	const all = await readMigrations();
	const split = all.findIndex(({ name }) => name.endsWith("nobody_measured"));
	await migrate(url, all.slice(0, split));
	const ids = (kind: string) => [1, 2].map((n) => `${kind}0000000-0000-4000-8000-00000000000${n}`);
	const [datasets, experiments, runs, evaluations] = ["1", "2", "3", "4"].map(ids) as [
		string[],
		string[],
		string[],
		string[],
	];
	for (const [index, [valid, tested]] of [
		[0, 5],
		[5, 0],
	].entries()) {
		const [dataset, experiment, run, evaluation] = [datasets, experiments, runs, evaluations].map(
			(each) => each[index],
		);
		await query(
			url,
			`INSERT INTO jobs (id, kind, state) VALUES ('${dataset}', 'import', 'SUCCEEDED'), ('${run}', 'run', 'SUCCEEDED'), ('${evaluation}', 'evaluation', 'SUCCEEDED');
			INSERT INTO datasets (id, name, digest, rule, files, statistics) VALUES ('${dataset}', 'd', '${valid}', '{}', '[]', '{"valid": ${valid}, "test": ${tested}}');
			INSERT INTO experiments (id, name, dataset_id, spec, mask_test, cutoffs, protocol_hash) VALUES ('${experiment}', 'e', '${dataset}', '{}', 'train', '{20}', 'p');
			INSERT INTO runs (id, experiment_id, dataset_id, model, config, config_hash, seed, position, best_epoch, best_value)
				VALUES ('${run}', '${experiment}', '${dataset}', 'valid', '{}', 'c', 1, 0, 1, 0);
			INSERT INTO metrics (run_id, split, name, epoch, value) VALUES ('${run}', 'valid', 'recall@20', 1, 0), ('${run}', 'test', 'recall@20', 1, ${tested}), ('${run}', 'test', 'uniformity', 1, -3);
			INSERT INTO evaluations (id, run_id, epoch, split, mask_test, cutoffs, protocol_hash, metrics, users)
				VALUES ('${evaluation}', '${run}', 1, 'valid', 'train', '{20}', 'p', '{"recall@20": 0}', ${valid})`,
		);
	}
	await migrate(url, all);
	expect(await query(url, "SELECT best_epoch, best_value FROM runs ORDER BY id")).toEqual([
		{ best_epoch: 1, best_value: null },
		{ best_epoch: 1, best_value: 0 },
	]);
	const values = "SELECT m.value FROM metrics m WHERE split = 'valid' ORDER BY run_id";
	expect((await query(url, values)).map(({ value }) => value)).toEqual([Number.NaN, 0]);
	const test = "SELECT m.value FROM metrics m WHERE split = 'test' ORDER BY run_id, name";
	expect((await query(url, test)).map(({ value }) => value)).toEqual([5, -3, Number.NaN, -3]);
	expect(await query(url, "SELECT metrics FROM evaluations ORDER BY id")).toEqual([
		{ metrics: { "recall@20": null } },
		{ metrics: { "recall@20": 0 } },
	]);
});

test("rows from before searches: no run is a trial", async () => {
	const url = await empty();
	const all = await readMigrations();
	await migrate(
		url,
		all.filter(({ name }) => name < "20261128090000_searches"),
	);
	const [dataset, experiment, run] = ["1", "2", "3"].map((digit) => `${digit}0000000-0000-4000-8000-000000000000`);
	await query(
		url,
		`INSERT INTO jobs (id, kind, state) VALUES ('${dataset}', 'import', 'SUCCEEDED'), ('${run}', 'run', 'SUCCEEDED');
		INSERT INTO datasets (id, name, digest, rule, files) VALUES ('${dataset}', 'd', 'd', '{}', '[]');
		INSERT INTO experiments (id, name, dataset_id, spec, mask_test, cutoffs, protocol_hash) VALUES ('${experiment}', 'e', '${dataset}', '{}', 'train', '{20}', 'p');
		INSERT INTO runs (id, experiment_id, dataset_id, model, config, config_hash, seed, position) VALUES ('${run}', '${experiment}', '${dataset}', 'valid', '{"k": 4}', 'c', 1, 0)`,
	);
	expect(await migrate(url)).toContain("20261128090000_searches");
	const rows = await query(url, "SELECT search_id, trial, chosen, config FROM runs");
	expect(rows).toEqual([{ search_id: null, trial: null, chosen: null, config: { k: 4 } }]);
	expect(await query(url, "SELECT id FROM searches")).toEqual([]);
});
