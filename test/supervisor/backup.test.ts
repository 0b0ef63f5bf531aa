// valence backup and valence restore as their users run them: beside a training, offline, onto another PostgreSQL, refused,
// killed and cut short. One small trained home for all of it.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import {
	chmodSync,
	cpSync,
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	truncateSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { type Client, connect, type Dataset, type Export, type NewExperiment } from "@valence/client";
import pg from "pg";
import { migrate } from "../../services/api/src/migrate.js";
import { importFolder } from "../../services/cli/src/import-folder.js";
import type { Manifest } from "../../services/supervisor/src/backup/archive.js";
import { identityOf } from "../../services/supervisor/src/backup/database.js";
import { parentsFirst } from "../../services/supervisor/src/backup/tables.js";
import { takeHome } from "../../services/supervisor/src/home/lock.js";
import { type EmbeddedPostgres, startPostgres } from "../../services/supervisor/src/postgres/embedded.js";
import { type Stack, startStack } from "../../services/supervisor/src/stack.js";
import { kill, run, start } from "../support/backup-commands.js";
import { until } from "../support/processes.js";

jest.setTimeout(180_000);

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PYTHON = join(ROOT, "services/trainer-py/.venv/bin/python");
const SMALL = { k: 2, embedding_size: 16, encoder_size: 16, learning_rate: 0.05 };
const root = mkdtempSync(join(tmpdir(), "valence backup-"));
chmodSync(root, 0o755); // PostgreSQL may run as another account
const home = join(root, "home");
const RUNNING = join(root, "running.valence");
const OFFLINE = join(root, "offline.valence");

const STACK = { TIMING_SCALE: "5", TRAINER_THREADS: "1" };
const done = { status: 0, said: expect.any(String) };

async function manifestOf(file: string): Promise<Manifest> {
	const child = spawn(PYTHON, ["-m", "trainer.storage.archive", "check", file], {
		cwd: join(ROOT, "services/trainer-py"),
		stdio: ["ignore", "pipe", "inherit"],
	});
	let said = "";
	child.stdout.on("data", (chunk) => (said += chunk));
	await once(child, "close");
	return (JSON.parse(said.trimEnd().split("\n").at(-1) as string) as { manifest: Manifest }).manifest;
}

/** Taste in two groups, so that there is something to learn. */
function writeInteractions(folder: string): void {
	mkdirSync(folder);
	const lines = ["user_id:token\titem_id:token"];
	for (let user = 0; user < 120; user++)
		for (let n = 0; n < 12; n++) lines.push(`u${user}\ti${((user * 7 + n * n * 5 + n) % 30) + (user % 2) * 25}`);
	writeFileSync(join(folder, "tiny.inter"), `${lines.join("\n")}\n`);
}

const ended = (api: Client, id: string) =>
	until("the experiment's end", async () => {
		const experiment = await api.get("/experiments/{id}", { path: { id } });
		return !["QUEUED", "RUNNING"].includes(experiment.state) && experiment;
	});
const launch = (api: Client, dataset: string, models: NewExperiment["models"]) =>
	api.post("/experiments", { body: { dataset, models, seeds: [7] } });
/** What must not depend on where and how often a run was taken up. */
async function finished(api: Client, id: string) {
	await until("the run's end", async () => (await api.get("/runs/{id}", { path: { id } })).state === "SUCCEEDED");
	const run = await api.get("/runs/{id}", { path: { id } });
	const { state, epoch, bestEpoch, bestValue, metrics, parametersSha256, lease, crashes } = run;
	return { state, epoch, bestEpoch, bestValue, metrics, parametersSha256, lease, crashes };
}
/** Computed for the question alone, one after the other: what is computed together may differ in the last bit of a score. */
async function recommendations(api: Client): Promise<object[]> {
	const all: object[] = [];
	for (const user of ["u1", "u2"])
		all.push(await api.post("/users/{id}/recommendations", { path: { id: user }, body: { n: 5, calibrate: 0 } }));
	return all;
}
const metrics = (api: Client, id: string) => api.get("/runs/{id}/metrics", { path: { id } });

const usersOf = (api: Client, id: string) => api.get("/runs/{id}/users", { path: { id }, query: { limit: 200 } });

async function exportedBy(api: Client): Promise<Export> {
	const { id } = await api.post("/deployments/{name}/exports", {
		path: { name: "default" },
		body: { format: "csv", explain: true },
	});
	return until("the export's end", async () => {
		const one = await api.get("/exports/{id}", { path: { id } });
		return one.state === "SUCCEEDED" && one;
	});
}
const fileOf = ({ url }: Stack, id: string) => fetch(`${url}/exports/${id}/file`);

let lock: { release(): void };
let stack: Stack;
let dataset: Dataset;
/** A run that has SUCCEEDED. */
let tested: string;
let other: EmbeddedPostgres;
let backupOfHeld: ReturnType<typeof run>;

beforeAll(async () => {
	const held = join(root, "held");
	mkdirSync(join(held, "artifacts"), { recursive: true });
	takeHome(held);
	backupOfHeld = run("backup", [join(root, "held.valence")], { VALENCE_HOME: held }); // it waits a while
	writeInteractions(join(root, "tiny"));
	lock = takeHome(home);
	stack = await startStack({ home, port: 0, env: STACK });
	const api = connect(stack.url);
	dataset = await importFolder(api, join(root, "tiny"));
	const models = [{ model: "popularity" }, { model: "valid", params: { ...SMALL, epochs: 2 } }];
	const { id } = await launch(api, dataset.id, models);
	const { runs } = await ended(api, id);
	const valid = await api.get("/runs/{id}", {
		path: { id: runs.find(({ model }) => model === "valid")?.id as string },
	});
	tested = valid.id;
	const checkpoint = valid.checkpoints.find(({ isBest }) => isBest)?.id as string;
	await api.put("/deployments/{name}", { path: { name: "default" }, body: { checkpoint } });
});
afterAll(async () => {
	await stack?.stop();
	lock?.release();
	await other?.stop();
	rmSync(root, { recursive: true, force: true });
});

/** An empty database of the other server, and an empty folder. */
async function elsewhere(name: string): Promise<Record<string, string>> {
	if (!other) {
		const folder = join(root, "other");
		mkdirSync(folder);
		other = await startPostgres({ home: folder });
	}
	const client = new pg.Client({ connectionString: other.url });
	await client.connect();
	await client.query(`CREATE DATABASE ${name}`);
	await client.end();
	const url = new URL(other.url);
	url.pathname = `/${name}`;
	return { DATABASE_URL: url.href, VALENCE_ARTIFACTS: join(root, `${name}-artifacts`), VALENCE_HOME: join(root, name) };
}

/** Everything in the place is byte for byte what the backup holds: a backup of it has the same members. */
async function expectSame(place: Record<string, string>, file: string): Promise<void> {
	const again = join(root, "again.valence");
	rmSync(again, { force: true });
	expect(await run("backup", [again], place)).toEqual(done);
	const [one, two] = [await manifestOf(file), await manifestOf(again)];
	expect(two.members).toEqual(one.members);
	expect(two.tables).toEqual(one.tables);
	expect(two.sequences).toEqual(one.sequences);
	expect(two.migrations).toEqual(one.migrations);
}

async function query<T extends object>(url: string, sql: string): Promise<T[]> {
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	const { rows } = await client.query<T>(sql);
	await client.end();
	return rows;
}

test("made beside a training and restored elsewhere: the run goes on and ends as if nothing had happened", async () => {
	const api = connect(stack.url);
	const exported = await exportedBy(api);
	expect((await fileOf(stack, exported.id)).status).toBe(200);
	const { runs } = await launch(api, dataset.id, [
		{ model: "valid", params: { ...SMALL, epochs: 200, patience: 200 } },
	]);
	const id = runs[0]?.id as string;
	await until("it trains", async () => (await api.get("/runs/{id}", { path: { id } })).epoch >= 2);
	const { key } = await api.post("/keys", { body: { name: "shop", scope: "serve" } });
	const backup = await run("backup", [RUNNING], { VALENCE_HOME: home });
	expect(backup).toEqual({ status: 0, said: expect.stringContaining("1 dataset, 3 runs") });
	const last = JSON.parse(readFileSync(join(home, "last-backup.json"), "utf8"));
	expect(last).toEqual({ file: RUNNING, at: expect.stringMatching(/^\d{4}-.*Z$/) });
	const undisturbed = await finished(api, id);
	const before = {
		metrics: await metrics(api, id),
		recommendations: await recommendations(api),
		users: await usersOf(api, tested),
	};
	await api.delete("/exports/{id}", { path: { id: exported.id } }); // the backups that follow hold none

	// As it says: with this database and this folder of artifacts, which is not the home's.
	const place = await elsewhere("lives");
	const restore = await run("restore", [RUNNING], place);
	const next = `start Valence with this DATABASE_URL and VALENCE_ARTIFACTS=${place.VALENCE_ARTIFACTS}`;
	expect(restore).toEqual({ status: 0, said: expect.stringContaining(next) });
	const second = await startStack({ home: place.VALENCE_HOME as string, port: 0, env: { ...place, ...STACK } });
	try {
		const there = connect(second.url);
		expect(await recommendations(there)).toEqual(before.recommendations);
		expect(await finished(there, id)).toMatchObject({ ...undisturbed, lease: 2, crashes: 0 });
		expect(await metrics(there, id)).toEqual(before.metrics);
		expect(await usersOf(there, tested)).toEqual(before.users);
		// The key is known there, with its scope, and so is who made it.
		const asked = async (path: string) =>
			(await fetch(`${second.url}${path}`, { headers: { authorization: `Bearer ${key}` } })).status;
		expect([await asked("/models"), await asked("/datasets")]).toEqual([200, 403]);
		const log = await there.get("/audit", { query: { limit: 200 } });
		expect(log.items.filter(({ route, status }) => route === "POST /keys" && status === 201)).toHaveLength(1);
		const { items } = await there.get("/experiments");
		expect(items.map((one) => one.name)).toEqual((await api.get("/experiments")).items.map((one) => one.name));
		// A backup holds no exported files: the restored export says so, and another is the same to the bit.
		expect(await there.get("/exports/{id}", { path: { id: exported.id } })).toEqual({ ...exported, hasFile: false });
		const gone = await fileOf(second, exported.id);
		expect([gone.status, ((await gone.json()) as { code: string }).code]).toEqual([410, "export_gone"]);
		expect((await exportedBy(there)).sha256).toBe(exported.sha256);
	} finally {
		await second.stop();
	}
});

test("made offline and restored onto another PostgreSQL: every row and every file is the same", async () => {
	await stack.stop();
	lock.release();
	expect(await run("backup", [OFFLINE], { VALENCE_HOME: home })).toEqual(done);
	const manifest = await manifestOf(OFFLINE);
	expect(manifest.counts).toEqual({ datasets: 1, runs: 3, checkpoints: expect.any(Number), deployments: 1 });
	expect(manifest.sequences).toContainEqual({ name: "deployment_history_id_seq", last: "1" });
	const place = await elsewhere("rows");
	expect(await run("restore", [OFFLINE], place)).toEqual({
		status: 0,
		said: expect.stringContaining("1 dataset, 3 runs"),
	});
	await expectSame(place, OFFLINE);
	expect(readdirSync(place.VALENCE_ARTIFACTS as string).sort()).toEqual(["datasets", "runs", "values"]);
});

test("nothing that is there is overwritten, and what is there is named", async () => {
	const place = { DATABASE_URL: "", VALENCE_ARTIFACTS: "" };
	const before = readFileSync(OFFLINE);
	const refused = async (what: string, ...given: Parameters<typeof run>) =>
		expect([what, await run(...given)]).toEqual([what, { status: 1, said: expect.stringContaining(what) }]);
	await refused("is there already; a backup never replaces a file", "backup", [OFFLINE], { VALENCE_HOME: home });
	const wrong = async (what: string, ...given: Parameters<typeof run>) =>
		expect([what, await run(...given)]).toEqual([what, { status: 2, said: expect.stringContaining(what) }]);
	await wrong("it is used as valence backup <file>", "backup", [], { VALENCE_HOME: home });
	await wrong("b is not known here", "restore", ["a", "b"], { VALENCE_HOME: home });
	await wrong("fast is not known here", "backup", ["x", "--fast"], { VALENCE_HOME: home });
	await refused(`${join(root, "nowhere")} is no folder`, "backup", [join(root, "nowhere/x")], { VALENCE_HOME: home });
	await refused("is no file", "restore", ["nothing"], { VALENCE_HOME: home });
	await refused("it has no artifacts", "backup", [join(root, "new")], { ...place, VALENCE_HOME: join(root, "none") });
	await refused("must be a postgresql:// address", "restore", [OFFLINE], { DATABASE_URL: "mysql://x" });
	await refused("is not empty: it holds", "restore", [OFFLINE], { VALENCE_HOME: home });
	expect(existsSync(join(root, "none"))).toBe(false);
	expect(readFileSync(OFFLINE).equals(before)).toBe(true);

	const rows = await elsewhere("only_rows");
	await run("restore", [OFFLINE], rows);
	rmSync(rows.VALENCE_ARTIFACTS as string, { recursive: true });
	await refused("1 row of datasets", "restore", [OFFLINE], rows);
	expect(existsSync(rows.VALENCE_ARTIFACTS as string)).toBe(false);
	// Rows of nobody's we know, too: an embedded database with any is never made anew.
	const notes = await elsewhere("notes");
	await query(notes.DATABASE_URL as string, 'CREATE TABLE "My notes" AS SELECT 1 AS n');
	await refused("1 row of My notes", "restore", [OFFLINE], notes);
	expect(existsSync(notes.VALENCE_ARTIFACTS as string)).toBe(false);
	expect(await backupOfHeld).toEqual({
		status: 1,
		said: expect.stringContaining(`is in use by process ${process.pid}, whose PostgreSQL does not answer`),
	});
	const help = await run("restore", ["--help"], {});
	expect(help).toEqual({ status: 0, said: expect.stringContaining("must be empty") });
});

test("a file that is none, cut off, damaged or newer is refused before anything is written", async () => {
	const place = await elsewhere("untouched");
	const broken = join(root, "broken.valence");
	const refused = async (what: string) => {
		const tried = await run("restore", [broken], place);
		expect([what, tried]).toEqual([what, { status: 1, said: expect.stringContaining(what) }]);
	};
	writeFileSync(broken, "no backup at all");
	await refused("is no backup of Valence");
	cpSync(OFFLINE, broken);
	truncateSync(broken, readFileSync(OFFLINE).length - 700);
	await refused("cut off");
	const flipped = readFileSync(OFFLINE);
	flipped[Math.floor(flipped.length / 2)] = (flipped[Math.floor(flipped.length / 2)] as number) ^ 1;
	writeFileSync(broken, flipped);
	await refused("its bytes are not those that were written");
	const { missing: _, members: __, format: ___, ...head } = await manifestOf(OFFLINE);
	const newer = { ...head, migrations: [...head.migrations, { name: "29990101000000_flying", checksum: "0" }] };
	rmSync(broken);
	mkdirSync(join(root, "no-tables"));
	const folders = ["--artifacts", root, "--tables", join(root, "no-tables")];
	const packing = spawn(PYTHON, ["-m", "trainer.storage.archive", "pack", broken, ...folders], {
		cwd: join(ROOT, "services/trainer-py"),
		stdio: ["pipe", "ignore", "inherit"],
	});
	packing.stdin.end(`${JSON.stringify({ head: newer, artifacts: [] })}\n`);
	await once(packing, "close");
	await refused("written by a newer Valence: this one does not know its migration 29990101000000_flying");
	expect(existsSync(place.VALENCE_ARTIFACTS as string)).toBe(false);
	expect(await query(place.DATABASE_URL as string, "SELECT 1 FROM pg_class WHERE relname = 'jobs'")).toEqual([]);
});

test("a backup that is killed, stopped or out of room leaves no file, and the next one works", async () => {
	const place = await elsewhere("source");
	expect(await run("restore", [OFFLINE], place)).toEqual(done);
	const folder = join(root, "kept");
	mkdirSync(folder);
	const file = join(folder, "b.valence");
	for (const after of [300, 500]) {
		await kill(after, "backup", [file], place);
		if (existsSync(file)) await manifestOf(file);
		rmSync(file, { force: true });
	}
	const stopped = start("backup", [file], place);
	await once(stopped.stdout as NodeJS.ReadableStream, "data");
	stopped.kill("SIGTERM");
	expect(await once(stopped, "exit")).toEqual([130, null]);
	const full = await run("backup", [file], place, "ulimit -f 40");
	expect(full).toEqual({ status: 1, said: expect.stringContaining(`the disk that holds ${folder}`) });
	expect(await run("backup", [file], place)).toEqual(done);
	expect(readdirSync(folder)).toEqual(["b.valence"]);
	expect((await manifestOf(file)).members).toEqual((await manifestOf(OFFLINE)).members);

	// What a row names and is broken is left out and named; the rest is backed up, and restores.
	const [checkpoint] = await query<{ key: string }>(
		place.DATABASE_URL as string,
		"SELECT key FROM checkpoints ORDER BY key",
	);
	rmSync(join(place.VALENCE_ARTIFACTS as string, checkpoint?.key as string, "weights.safetensors"));
	const without = join(folder, "without.valence");
	const incomplete = await run("backup", [without], place);
	expect(incomplete.status).toBe(3);
	expect(incomplete.said).toContain(`${checkpoint?.key}: weights.safetensors is missing`);
	expect((await manifestOf(without)).missing).toHaveLength(1);
	expect(await run("restore", [without], await elsewhere("incomplete"))).toEqual({
		status: 0,
		said: expect.stringContaining("made without 1 artifact"),
	});
});

test("a restore that is killed at any moment is run again and ends well", async () => {
	const place = await elsewhere("killed");
	const artifacts = place.VALENCE_ARTIFACTS as string;
	for (const after of [400, 700, 1_000, 1_300]) await kill(after, "restore", [OFFLINE], place);
	const last = await run("restore", [OFFLINE], place);
	if (last.status !== 0) expect(last.said).toContain("is not empty"); // the last one but one had come to its end
	await expectSame(place, OFFLINE);

	// Between the commit and its last word: the next one finds out that everything is there.
	await killedAfterCommit(place, OFFLINE);
	expect(await run("backup", [join(root, "half.valence")], place)).toEqual({
		status: 1,
		said: expect.stringContaining("holds the beginning of a restore that did not finish"),
	});
	expect(await run("restore", [RUNNING], place)).toEqual({
		status: 1,
		said: expect.stringMatching(
			/the database is not empty: .*\n.*They are those of .*offline.valence, whose restore ends when it is run again/,
		),
	});
	const foreign = { ...(await elsewhere("stranger")), VALENCE_ARTIFACTS: artifacts };
	const refused = await run("restore", [OFFLINE], foreign);
	expect(refused.status).toBe(1);
	expect(refused.said).toMatch(/restore of .*offline.valence into database killed .*; this is database stranger /);
	const serve = spawnSync(PYTHON, ["-m", "trainer", "serve"], {
		cwd: join(ROOT, "services/trainer-py"),
		env: { ...process.env, VALENCE_ARTIFACTS: artifacts },
		encoding: "utf8",
	});
	expect([serve.status, serve.stderr]).toEqual([2, expect.stringContaining(`${artifacts}, which holds the beginning`)]);
	expect(await run("restore", [OFFLINE], place)).toEqual({
		status: 0,
		said: expect.stringContaining("nothing was left to do"),
	});
	await expectSame(place, OFFLINE);

	// In the middle of its very end: the mark is gone, so nothing is unfinished.
	mkdirSync(join(artifacts, ".restore/tables"), { recursive: true });
	await expectSame(place, OFFLINE);
	const again = await run("restore", [OFFLINE], { ...foreign, VALENCE_ARTIFACTS: join(root, "fresh") });
	expect(again).toEqual(done);
});

/** Everything is stored, and the mark is still there. */
async function killedAfterCommit(place: Record<string, string>, file: string): Promise<void> {
	const url = place.DATABASE_URL as string;
	const [row] = await query<{ comment: string }>(url, "SELECT obj_description('jobs'::regclass) AS comment");
	const digest = createHash("sha256")
		.update(JSON.stringify(await manifestOf(file)))
		.digest("hex");
	const folder = join(place.VALENCE_ARTIFACTS as string, ".restore");
	mkdirSync(folder);
	const mark = { id: row?.comment.replace("restored ", ""), file, digest, database: await identityOf(url, false) };
	writeFileSync(join(folder, "restore.json"), JSON.stringify(mark));
}

test("stopped while the server commits, no file goes that a row names", async () => {
	const place = await elsewhere("slow");
	const url = place.DATABASE_URL as string;
	await migrate(url);
	await query(
		url,
		`CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.7); RETURN NULL; END $$;
		CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON jobs DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()`,
	);
	const restore = start("restore", [OFFLINE], place);
	await until("it commits", async () => {
		const active = "SELECT 1 FROM pg_stat_activity WHERE datname = 'slow' AND state = 'active' AND query = 'COMMIT'";
		return (await query(url, active)).length > 0;
	});
	restore.kill("SIGTERM");
	expect(await once(restore, "exit")).toEqual([130, null]);
	expect(await query(url, "SELECT 1 FROM jobs")).toHaveLength(4);
	const last = await run("restore", [OFFLINE], place);
	expect(last).toEqual({ status: 0, said: expect.stringContaining("nothing was left to do") });
	await expectSame(place, OFFLINE);
});

test("two restores never work in one folder", async () => {
	const [one, two] = [await elsewhere("one"), await elsewhere("two")];
	const artifacts = one.VALENCE_ARTIFACTS as string;
	const first = start("restore", [OFFLINE], one);
	await until("it has the folder", () => existsSync(join(artifacts, ".restore/owner.json")));
	first.kill("SIGSTOP");
	const second = await run("restore", [OFFLINE], { ...two, VALENCE_ARTIFACTS: artifacts });
	first.kill("SIGCONT");
	expect(second).toEqual({ status: 1, said: expect.stringContaining(`process ${first.pid} is restoring into`) });
	expect(await once(first, "exit")).toEqual([0, null]);
	await expectSame(one, OFFLINE);
});

test("a backup waits for a Valence that is just starting, and leaves a home to another backup", async () => {
	const starting = takeHome(home);
	const backup = run("backup", [join(root, "early.valence")], { VALENCE_HOME: home });
	await sleep(1_000);
	const postgres = await startPostgres({ home });
	expect(await backup).toEqual({ status: 0, said: expect.stringContaining(`${home}, while it runs`) });
	await postgres.stop();
	starting.release();

	const first = start("backup", [join(root, "first.valence")], { VALENCE_HOME: home });
	await until("it has the home", () => existsSync(join(home, "at-work.json")));
	first.kill("SIGSTOP");
	const second = await run("backup", [join(root, "second.valence")], { VALENCE_HOME: home });
	const restore = await run("restore", [OFFLINE], { VALENCE_HOME: home });
	first.kill("SIGCONT");
	const said = expect.stringContaining(`in use by process ${first.pid}, which makes a backup of it`);
	expect([second, restore]).toEqual([
		{ status: 1, said },
		{ status: 1, said },
	]);
	expect(await once(first, "exit")).toEqual([0, null]);
	expect(existsSync(join(home, "at-work.json"))).toBe(false);
});

test("a home in which a restore was killed does not start, and restores again", async () => {
	const killed = join(root, "killed-home");
	const env = { VALENCE_HOME: killed };
	const child = start("restore", [OFFLINE], env);
	await until("it writes", () => existsSync(join(killed, "artifacts/.restore/restore.json")));
	child.kill("SIGKILL");
	await once(child, "exit");
	await expect(startStack({ home: killed, port: 0 })).rejects.toThrow("beginning of a restore that did not finish");
	const again = await run("restore", [OFFLINE], env);
	expect(again).toEqual({ status: 0, said: expect.stringContaining("was killed here") });
	expect(again.said).toContain(`VALENCE_HOME='${killed}' npx valence start`);
	await expectSame(env, OFFLINE);
});

test("tables are filled in the order of their foreign keys; a circle is named", () => {
	const table = (name: string, ...parents: string[]) => ({ name, columns: [], parents });
	const ordered = parentsFirst([table("c", "b", "a"), table("b", "a"), table("a")]);
	expect(ordered.map(({ name }) => name)).toEqual(["a", "b", "c"]);
	expect(() => parentsFirst([table("a", "b"), table("b", "a"), table("c")])).toThrow("a, b point at each other");
});
