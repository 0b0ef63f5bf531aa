// Every check of both languages, ending with one line of counts. `--only NAME` runs the steps whose name holds it.
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT, run } from "./running.mjs";
import { setup } from "./setup.mjs";
import { finish, loud, missing, row, step, stopWhereBroken, wanted } from "./steps.mjs";
import { jest, jestOnceMore, pytest, reports } from "./test-runners.mjs";

const VENV = join(ROOT, "services/trainer-py/.venv/bin");
const bin = (name) => join(ROOT, "node_modules/.bin", name);

const answers = (port) =>
	new Promise((resolve) => {
		const socket = connect(port, "127.0.0.1")
			.on("connect", () => resolve(true) ?? socket.destroy())
			.on("error", () => resolve(false));
	});

/** The PostgreSQL that a user without one gets, for as long as tests run on it. */
async function embedded() {
	const { startPostgres } = await import("../services/supervisor/dist/postgres/embedded.js");
	const { removeHome } = await import("../services/supervisor/dist/demo-home.js");
	const home = mkdtempSync(join(tmpdir(), "valence-home-"));
	const postgres = await startPostgres({ home });
	// Whatever process is killed, nothing is lost; only the power must not fail.
	const { default: pg } = await import("pg");
	const client = new pg.Client({ connectionString: postgres.url });
	await client.connect();
	await client.query("ALTER SYSTEM SET fsync = off");
	await client.query("SELECT pg_reload_conf()");
	await client.end();
	return {
		env: { VALENCE_TEST_POSTGRES: postgres.url, VALENCE_TEST_REDIS: "" },
		async end() {
			await postgres.stop();
			removeHome(home);
		},
	};
}

/** What test/support/prepared.ts has made there for us: of another run of the tests it is theirs. */
async function dropPrepared(url) {
	const { default: pg } = await import("pg");
	const client = new pg.Client({ connectionString: url });
	await client.connect();
	const ours = readdirSync(reports).flatMap((name) => name.match(/^[0-9a-f]{12}(?=-artifacts$)/)?.[0] ?? []);
	for (const key of ours) await client.query(`DROP DATABASE IF EXISTS valence_test_prepared_${key} WITH (FORCE)`);
	await client.end();
}

async function endToEnd() {
	const name = "end to end in Chromium";
	if (!wanted(name)) return;
	const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
	if (existsSync(chromium)) return step(name, () => jest("e2e", ["test/e2e"], {}));
	missing(`NOT RUN in a browser: ${chromium} is not there; CHROMIUM names another`);
}

// Whatever is wanted: every step needs it, and where nothing has changed it is done at once.
await step("set-up", () => setup({ forTests: true }).then(() => undefined), { always: true });
stopWhereBroken();

const base = await baseCommit();
const types = (project, check) => () => step(`types of ${project}`, () => check().then(() => undefined));
const tsc = (project) => types(project, () => run(bin("tsc"), ["--noEmit", "-p", `${project}/tsconfig.json`]));
const mypy = (project) => types(project, () => run(join(VENV, "mypy"), [], { cwd: join(ROOT, project) }));
await Promise.all([
	row(
		() =>
			step("format and lint TypeScript", () =>
				run(bin("biome"), ["ci", "--error-on-warnings", "."]).then(() => undefined),
			),
		...["clients/typescript", "services/api", "services/supervisor", "services/cli", "services/dashboard"].map(tsc),
		...["bench", "test"].map(tsc),
		() => step("lint proto", () => run(bin("buf"), ["lint"], { cwd: join(ROOT, "proto") }).then(() => undefined)),
		() =>
			step("breaking changes of proto", async () => {
				console.log(`  compared with ${base}`);
				await run(bin("buf"), ["breaking", "--against", `../.git#ref=${base},subdir=proto`], {
					cwd: join(ROOT, "proto"),
				});
			}),
		() =>
			step("Prisma schema", () =>
				run(bin("prisma"), ["validate"], { env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath } }).then(
					() => undefined,
				),
			),
	),
	row(
		() =>
			step("lint Python", async () => {
				const python = ["services/trainer-py", "clients/python", "test/trainer", "test/clients", "bench"];
				await run(join(VENV, "ruff"), ["check", ...python]);
				await run(join(VENV, "ruff"), ["format", "--check", ...python]);
				await run(join(VENV, "lint-imports"), ["--no-logo"], { cwd: join(ROOT, "services/trainer-py") });
			}),
		...["services/trainer-py", "clients/python"].map(mypy),
	),
]);

const EMBEDDED = "the embedded PostgreSQL";
const SERVICES = "PostgreSQL and Redis services";
/** What asks about the queue itself, its servers and its workers (ADR 0007). All other files run once. */
const QUEUED = {
	"test/api": [
		"test/api/(jobs|experiments|refreshes)/",
		"test/api/plugins/(jobs|queue|removals)",
		"test/api/routes/(datasets|experiments|machines|refresh|searches|system)",
		"test/api/(rate-limits|process)",
	],
	"test/failure": ["test/failure/(cancel|chaos|commit-cut|machines|queue|refresh|restart|two-hosts|worker)"],
};
const away = [!(await answers(5432)) && "PostgreSQL on 5432", !(await answers(6379)) && "Redis on 6379"].filter(
	Boolean,
);
/** The services' PostgreSQL is the older one: what it takes, the embedded one takes. Where they are missing, the embedded one has to do. */
const FOLDERS = {
	[EMBEDDED]: {
		"test/api": away.length > 0 ? ["test/api"] : QUEUED["test/api"],
		"test/failure": ["test/failure"],
		"test/cli test/clients": ["test/cli", "test/clients"],
	},
	[SERVICES]: { "test/api": ["test/api"], "test/failure": QUEUED["test/failure"] },
};
const anyOn = (title) => Object.keys(FOLDERS[title]).some((name) => wanted(`${name} on ${title}`));
const served = new Map();
if (anyOn(EMBEDDED)) served.set(EMBEDDED, { name: "embedded", ...(await embedded()) });
if (anyOn(SERVICES)) {
	if (away.length > 0) {
		missing(`NOT RUN on PostgreSQL and Redis servers: ${away.join(" and ")} does not answer`);
	} else {
		const env = {
			VALENCE_TEST_POSTGRES: process.env.VALENCE_TEST_POSTGRES ?? "postgresql://postgres@127.0.0.1:5432/postgres",
			VALENCE_TEST_REDIS: process.env.VALENCE_TEST_REDIS ?? "redis://127.0.0.1:6379",
		};
		served.set(SERVICES, { name: "services", env, end: () => dropPrepared(env.VALENCE_TEST_POSTGRES) });
	}
}
const everyOn = (title) =>
	Object.entries(FOLDERS[title]).map(([files, paths]) => async () => {
		const name = `${files} on ${title}`;
		const backend = served.get(title);
		if (!wanted(name) || !backend) return; // that it is not there has been said
		const report = `${backend.name}-${files.replaceAll(/\W/g, "-")}`;
		// What all stacks of a server begin with is made by the first of them.
		const env = { ...backend.env, VALENCE_TEST_PREPARED: reports };
		await step(name, () => jest(report, paths, env));
	});
/** What needs neither database nor queue of ours. */
const ALONE = ["supervisor", "guides", "bench", "contract", "dashboard", "deploy"];
const alone = () =>
	step(ALONE.join(", "), () =>
		jest(
			"alone",
			ALONE.map((folder) => `test/${folder}/`),
			{ VALENCE_TEST_BASE: base },
		),
	);
try {
	await step("Python tests", () => pytest(["test/trainer"]));
	// Each file after the other in two rows, one for each core, of about the same length: no core waits for a step's last file.
	const [apiOnEmbedded, failureOnEmbedded, commands] = everyOn(EMBEDDED);
	await Promise.all([row(endToEnd, ...everyOn(SERVICES), commands), row(alone, apiOnEmbedded, failureOnEmbedded)]);
	await jestOnceMore();
} finally {
	for (const { end } of served.values())
		await end().catch((error) => loud.push(`what the tests have made was not cleared up: ${error.message}`));
	for (const name of readdirSync(reports))
		if (name.endsWith("-artifacts")) rmSync(join(reports, name), { recursive: true, force: true });
}
finish();

/** The last release, else the commit before, else the present one (a first commit breaks nothing). */
async function baseCommit() {
	const git = (...args) => run("git", args, { quiet: true }).then((out) => out.trim());
	return (
		(await git("describe", "--tags", "--abbrev=0").catch(() => "")) ||
		(await git("rev-parse", "--verify", "--quiet", "HEAD~1").catch(() => "")) ||
		(await git("rev-parse", "HEAD"))
	);
}
