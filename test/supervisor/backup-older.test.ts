// A backup of an older Valence: its rows pass through the migrations that came since.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { migrate, readMigrations } from "../../services/api/src/migrate.js";
import { run } from "../support/backup-commands.js";
import { query, startPlaces } from "../support/backup-places.js";

jest.setTimeout(120_000);
let places: Awaited<ReturnType<typeof startPlaces>>;
beforeAll(async () => {
	places = await startPlaces();
});
afterAll(() => places?.stop());

const [FIRST, SECOND, THIRD] = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`);

test("its migrations are applied, its rows copied, then the newer migrations; jobs under way are given back", async () => {
	const all = await readMigrations();
	const [older, newer, file] = [
		await places.place("older"),
		await places.place("newer"),
		join(places.root, "older.valence"),
	];
	await migrate(older.DATABASE_URL, all.slice(0, 1));
	mkdirSync(older.VALENCE_ARTIFACTS);
	await query(
		older.DATABASE_URL,
		`INSERT INTO jobs (id, kind, state, lease, crashes, cancel_requested_at, heartbeat_at, event_seq) VALUES
			('${FIRST}', 'run', 'RUNNING', 3, 2, NULL, now(), 4), ('${SECOND}', 'run', 'RUNNING', 1, 0, now(), now(), 4),
			('${THIRD}', 'run', 'SUCCEEDED', 1, 0, NULL, NULL, 4);
		CREATE TABLE of_somebody_else (n serial PRIMARY KEY); INSERT INTO of_somebody_else DEFAULT VALUES`,
	);
	expect(await run("backup", [file], older)).toEqual({ status: 0, said: expect.any(String) });
	expect(await run("restore", [file], newer)).toEqual({
		status: 0,
		said: expect.stringContaining("left out, as Valence makes no such tables: of_somebody_else"),
	});
	const applied = await query<{ migration_name: string }>(
		newer.DATABASE_URL,
		"SELECT migration_name FROM _prisma_migrations ORDER BY 1",
	);
	expect(applied.map(({ migration_name }) => migration_name)).toEqual(all.map(({ name }) => name));
	const jobs = await query(
		newer.DATABASE_URL,
		"SELECT id, state, lease, crashes, heartbeat_at, event_seq, finished_at IS NOT NULL AS is_over FROM jobs ORDER BY id",
	);
	expect(jobs).toEqual([
		{ id: FIRST, state: "QUEUED", lease: 3, crashes: 2, heartbeat_at: null, event_seq: 5, is_over: false },
		{ id: SECOND, state: "CANCELLED", lease: 1, crashes: 0, heartbeat_at: null, event_seq: 5, is_over: true },
		{ id: THIRD, state: "SUCCEEDED", lease: 1, crashes: 0, heartbeat_at: null, event_seq: 4, is_over: false },
	]);
	expect(await query(newer.DATABASE_URL, "SELECT job_id, seq, data FROM job_events ORDER BY job_id")).toEqual([
		{ job_id: FIRST, seq: 5, data: { state: "QUEUED" } },
		{ job_id: SECOND, seq: 5, data: { state: "CANCELLED" } },
	]);

	// Tables without rows that are newer than the backup: nothing of theirs is thrown away on a server of somebody else.
	const ahead = await places.place("ahead");
	await migrate(ahead.DATABASE_URL);
	expect(await run("restore", [file], ahead)).toEqual({
		status: 1,
		said: expect.stringContaining("tables that are newer than the backup"),
	});
});
