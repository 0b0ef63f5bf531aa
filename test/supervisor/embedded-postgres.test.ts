// The real thing: started, killed in every way, started again.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { startOf } from "../../services/supervisor/src/identity.js";
import { startPostgres } from "../../services/supervisor/src/postgres/embedded.js";
import { crash, removeHomesIn } from "../support/homes.js";

const root = mkdtempSync(join(tmpdir(), "valence pg-"));
afterAll(() => removeHomesIn(root));

async function query(url: string, sql: string): Promise<unknown[]> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	const { rows } = await client.query(sql);
	await client.end();
	return rows;
}

it("keeps its data over a stop, a hard restart and a new start, in a folder only its owner can enter", async () => {
	const home = join(root, "private", "home");
	mkdirSync(home, { recursive: true });
	chmodSync(join(root, "private"), 0o700);
	const first = await startPostgres({ home });
	await query(first.url, "CREATE TABLE t AS SELECT 42 AS answer");
	await crash(home, first);
	expect(await query(first.url, "SELECT answer FROM t")).toEqual([{ answer: 42 }]);
	await first.stop();
	const second = await startPostgres({ home });
	expect(await query(second.url, "SELECT answer FROM t")).toEqual([{ answer: 42 }]);
	await second.stop();
}, 120_000);

it("belongs to its home: a home made anew at the same path begins with nothing", async () => {
	const home = join(root, "again");
	mkdirSync(home);
	const first = await startPostgres({ home });
	await query(first.url, "CREATE TABLE t AS SELECT 42 AS answer");
	await first.stop();
	rmSync(home, { recursive: true });
	mkdirSync(home);
	const second = await startPostgres({ home });
	expect(await query(second.url, "SELECT to_regclass('t') AS found")).toEqual([{ found: null }]);
	await second.stop();
}, 120_000);

it("does not outlive a killed supervisor, and starts again after it", async () => {
	const home = join(root, "killed");
	mkdirSync(home);
	const module = new URL("../../services/supervisor/dist/postgres/embedded.js", import.meta.url).href;
	const script = `import { startPostgres } from ${JSON.stringify(module)}; const p = await startPostgres({ home: ${JSON.stringify(home)} }); console.log(p.url); setInterval(() => {}, 1000);`;
	const supervisor = spawn(process.execPath, ["--input-type=module", "-e", script], {
		stdio: ["ignore", "pipe", "inherit"],
	});
	const [url] = (await once(supervisor.stdout, "data")) as [Buffer];
	const client = new pg.Client({ connectionString: url.toString().trim() });
	client.on("error", () => undefined); // the server is killed under it
	await client.connect();
	const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
	const parent = Number(readFileSync(`/proc/${rows[0]?.pid}/stat`, "utf8").split(") ")[1]?.split(" ")[1]);
	supervisor.kill("SIGKILL");
	await once(supervisor, "exit");
	await client.end().catch(() => undefined);
	for (let waited = 0; startOf(parent) !== null && waited < 100; waited++) await sleep(100);
	expect(startOf(parent)).toBeNull();
	const again = await startPostgres({ home });
	await query(again.url, "SELECT 1");
	await again.stop();
	expect(readdirSync(home)).not.toContain("data.half");
}, 120_000);

it("runs twice at once", async () => {
	const homes = ["one", "two"].map((name) => join(root, name));
	for (const home of homes) mkdirSync(home);
	const both = await Promise.all(homes.map((home) => startPostgres({ home })));
	expect(new Set(both.map(({ url }) => new URL(url).port)).size).toBe(2);
	await Promise.all(both.map((one) => one.stop()));
}, 120_000);
