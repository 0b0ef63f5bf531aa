// The embedded PostgreSQL is killed in every way while a run is under way: it is up again by itself, on its port.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { type EmbeddedPostgres, startPostgres } from "../../services/supervisor/src/postgres/embedded.js";
import { databaseOf } from "../../services/supervisor/src/postgres/place.js";
import { answers, removeHomesIn, serverOf } from "../support/homes.js";
import { expectSound } from "../support/invariants.js";
import { until } from "../support/processes.js";
import { type Stack, startStack } from "../support/stack.js";

jest.setTimeout(180_000);
const home = mkdtempSync(join(tmpdir(), "valence-postgres-"));
const said: string[] = [];
let postgres: EmbeddedPostgres;
let stack: Stack;
beforeAll(async () => {
	postgres = await startPostgres({ home, tell: (line) => said.push(line) });
	stack = await startStack({ databaseUrl: postgres.url });
});
afterEach(async () => {
	said.length = 0;
	await stack?.endWorkers();
});
afterAll(async () => {
	await stack?.stop();
	await postgres?.stop();
	removeHomesIn(home);
});

const parentOf = (pid: number) => Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1]);

async function ask<T>(sql: string): Promise<T | undefined> {
	const client = new pg.Client({ connectionString: postgres.url, connectionTimeoutMillis: 2_000 });
	client.on("error", () => undefined);
	try {
		await client.connect();
		return (await client.query(sql)).rows[0] as T;
	} finally {
		await client.end().catch(() => undefined);
	}
}

/** A process of the server that works for the worker or the api, not the server itself. */
async function backend(): Promise<number> {
	const row = await ask<{ pid: number }>(
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1",
	);
	return row?.pid ?? 0;
}

test.each([
	["the server", async () => serverOf(home), /^PostgreSQL ended with .*, starting it again on its port \d+/],
	[
		"its keeper",
		async () => parentOf(serverOf(home)),
		/^PostgreSQL ended with SIGKILL, starting it again on its port \d+/,
	],
	["a backend", backend, null],
])("kill -9 of %s: it answers again within 30 s and the run goes on", async (_who, pid, words) => {
	const worker = stack.startWorker();
	const run = await stack.launch();
	await stack.reaches(run, 2);
	const victim = await pid();
	expect(victim).toBeGreaterThan(1);
	process.kill(victim, "SIGKILL");
	const killed = Date.now();
	await until(
		"the victim is gone",
		() => !execFileSync("ps", ["-e", "-o", "pid="]).toString().split(/\s+/).includes(String(victim)),
		10,
	);
	await until("PostgreSQL answers", () => answers(postgres), 30);
	expect(Date.now() - killed).toBeLessThan(30_000);
	const ended = await stack.ends(run);
	expect(ended.job.state).toBe("SUCCEEDED");
	if (words) expect(said[0]).toMatch(words);
	if (words) await until("it is said", () => said.at(-1) === "PostgreSQL answers again", 10);
	expect(worker.isGone).toBe(false);
	await expectSound(stack);
});

test("a server that dies again and again is given up with its reason", async () => {
	const lost = mkdtempSync(join(tmpdir(), "valence-dying-"));
	const told: string[] = [];
	const dying = await startPostgres({ home: lost, tell: (line) => told.push(line) });
	const folder = databaseOf(lost) as string;
	let isOver = false;
	dying.gaveUp.then(() => {
		isOver = true;
	});
	// Its control file goes, so that no start succeeds any more.
	rmSync(join(folder, "data/global/pg_control"));
	process.kill(serverOf(lost), "SIGKILL");
	const error = await dying.gaveUp;
	expect([isOver, error.message]).toEqual([
		true,
		expect.stringMatching(/6 times within 60 s[\s\S]*given up[\s\S]*could not/),
	]);
	expect(told.length).toBe(5);
	await dying.stop();
	removeHomesIn(lost);
});
