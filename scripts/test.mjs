// Every check of both languages, in order, ending with one line of counts. `--only NAME` runs the steps whose name holds it.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./running.mjs";
import { setup } from "./setup.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const VENV = join(ROOT, "services/trainer-py/.venv/bin");
const CI = process.env.CI === "true";
const bin = (name) => join(ROOT, "node_modules/.bin", name);
const only = process.argv[process.argv.indexOf("--only") + 1] ?? "";
const wanted = (name) => !process.argv.includes("--only") || name.includes(only);
const reports = mkdtempSync(join(tmpdir(), "valence-test-"));

let passed = 0;
let failed = 0;
/** Of those that passed. */
let atSecond = 0;
let found = false;
const loud = [];
const failures = [];

async function step(name, work, { always = false } = {}) {
	found ||= wanted(name);
	if (!always && !wanted(name)) return;
	const started = Date.now();
	console.log(`» ${name} …`);
	let counts;
	let said = "";
	try {
		counts = await work();
	} catch (error) {
		said = `${error.message.trimEnd()}\n`;
		counts = error.counts ?? { passed: 0, failed: 1 };
	}
	passed += counts?.passed ?? 1;
	failed += counts?.failed ?? 0;
	const outcome = counts?.failed ? "FAILED" : "ok";
	const detail = counts?.passed === undefined ? "" : ` (${counts.passed} passed, ${counts.failed} failed)`;
	console.log(`${said}  ${name}: ${outcome} ${((Date.now() - started) / 1000).toFixed(1)} s${detail}`);
}

/** Runs a test runner; its own report is what counts, an empty one is a failure. */
async function tests(command, args, env, count) {
	let output = "";
	let broke = null;
	try {
		output = await run(command, args, { env });
	} catch (error) {
		broke = error;
		output = error.message;
	}
	const counts = count(output);
	if (counts.passed + counts.failed === 0 || (broke && counts.failed === 0)) counts.failed += 1;
	return { counts, output };
}

/** Tells what failed where the last lines are all that is kept of the output, too. */
function settled({ counts, output, broken = [] }) {
	for (const { path, said } of broken) failures.push(`FAILED ${path}\n${indented(said)}`);
	if (counts.failed > 0) throw Object.assign(new Error(output), { counts });
	return counts;
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours
const COLOURS = /\u001b\[\d*m/g;
const indented = (text) =>
	text
		.replaceAll(COLOURS, "")
		.split("\n")
		.slice(0, 12)
		.map((line) => `    ${line}`)
		.join("\n");

async function jestOnce(name, paths, env, workers) {
	const report = join(reports, `${name}.json`);
	const args = [
		"--experimental-vm-modules",
		"--disable-warning=ExperimentalWarning",
		join(ROOT, "node_modules/jest/bin/jest.js"),
	];
	let files = [];
	let pending = 0;
	const sum = (what) => files.reduce((total, file) => total + file[what], 0);
	const { counts, output } = await tests(
		process.execPath,
		[...args, "--json", `--outputFile=${report}`, `--maxWorkers=${workers}`, "--forceExit", ...paths],
		env,
		() => {
			if (!existsSync(report)) return { passed: 0, failed: 0 };
			const found = JSON.parse(readFileSync(report, "utf8"));
			pending = found.numPendingTests;
			files = found.testResults.map(({ name: file, status, message, assertionResults }) => {
				const failing = assertionResults.filter((one) => one.status === "failed");
				const said = failing.map(({ fullName, failureMessages: [why] }) => `${fullName}: ${why}`).join("\n");
				return {
					path: relative(ROOT, file),
					said: said || message,
					passed: assertionResults.filter((one) => one.status === "passed").length,
					// A file that cannot be loaded, or fails at its end, fails though none of its tests has.
					failed: status === "failed" ? failing.length || 1 : 0,
				};
			});
			return { passed: sum("passed"), failed: sum("failed") };
		},
	);
	return { counts, output, files, broken: files.filter(({ failed }) => failed > 0), pending };
}

/** So many files fail by chance; more than these do not. */
const BY_CHANCE = 3;

/**
 * Many of these tests kill processes and measure time, with another file beside them on a machine that may be slow. A file that fails runs
 * once more, alone. What fails again has failed; what passes is told at the end, with what it said the first time: it is to be mended.
 */
async function jest(name, paths, env) {
	const first = await jestOnce(name, paths, env, 2);
	if (first.pending > 0)
		loud.push(`NOT RUN: ${first.pending} tests of ${name} (some need root or namespaces, one zsh)`);
	const { broken } = first;
	if (broken.length === 0 || broken.length > BY_CHANCE) return settled(first);
	console.log(`${first.output}\n  once more, alone: ${broken.map(({ path }) => path).join(", ")}`);
	const second = await jestOnce(
		`${name}-again`,
		broken.map(({ path }) => path),
		env,
		1,
	);
	const counts = { ...first.counts };
	const still = [];
	for (const before of broken) {
		const now = second.files.find(({ path }) => path === before.path);
		if (!now || now.failed > 0) {
			still.push(now ?? before);
			continue;
		}
		counts.passed += now.passed - before.passed;
		counts.failed -= before.failed;
		atSecond += before.failed;
		loud.push(`PASSED ONLY AT A SECOND ATTEMPT, alone (${name}): ${before.path}\n${indented(before.said)}`);
	}
	return settled({ counts, output: second.output, broken: still });
}

const pytest = async (paths) =>
	// One thread a process: two processes that each use every core would only wait for each other.
	settled(
		await tests(
			join(VENV, "pytest"),
			["-q", "-n", "2", "--dist", "worksteal", ...paths],
			{ OMP_NUM_THREADS: "1" },
			(output) => {
				const number = (word) => Number(output.match(new RegExp(`(\\d+) ${word}`))?.[1] ?? 0);
				if (number("skipped") > 0) loud.push(`NOT RUN: ${number("skipped")} Python tests (pytest -rs says why)`);
				failures.push(...(output.match(/^(FAILED|ERROR) .*/gm) ?? []));
				return { passed: number("passed"), failed: number("failed") + number("errors?") };
			},
		),
	);

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
	found = true;
	const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
	if (existsSync(chromium)) return step(name, () => jest("e2e", ["test/e2e"], {}));
	loud.push(`NOT RUN in a browser: ${chromium} is not there; CHROMIUM names another`);
	if (CI) failed += 1;
}

// Whatever is wanted: every step needs it, and where nothing has changed it is done at once.
await step("set-up", () => setup({ forTests: true }).then(() => undefined), { always: true });
if (failed > 0) finish();

/** Steps one after the other. */
const row = async (...steps) => {
	for (const work of steps) await work();
};

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
const missing = [!(await answers(5432)) && "PostgreSQL on 5432", !(await answers(6379)) && "Redis on 6379"].filter(
	Boolean,
);
/** The services' PostgreSQL is the older one: what it takes, the embedded one takes. Where they are missing, the embedded one has to do. */
const FOLDERS = {
	[EMBEDDED]: {
		"test/api": missing.length > 0 ? ["test/api"] : QUEUED["test/api"],
		"test/failure": ["test/failure"],
		"test/cli test/clients": ["test/cli", "test/clients"],
	},
	[SERVICES]: { "test/api": ["test/api"], "test/failure": QUEUED["test/failure"] },
};
const anyOn = (title) => Object.keys(FOLDERS[title]).some((name) => wanted(`${name} on ${title}`));
const served = new Map();
if (anyOn(EMBEDDED)) served.set(EMBEDDED, { name: "embedded", ...(await embedded()) });
if (anyOn(SERVICES)) {
	if (missing.length > 0) {
		loud.push(`NOT RUN on PostgreSQL and Redis servers: ${missing.join(" and ")} does not answer`);
		if (CI) failed += 1;
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
		found ||= wanted(name); // also where it cannot run, which has been said
		const backend = served.get(title);
		if (!backend) return;
		const report = `${backend.name}-${files.replaceAll(/\W/g, "-")}`;
		// What all stacks of a server begin with is made by the first of them.
		const env = { ...backend.env, VALENCE_TEST_PREPARED: reports };
		await step(name, () => jest(report, paths, env));
	});
/** What needs neither database nor queue of ours. In one step: the last file of each would leave a core idle. */
const ALONE = ["supervisor", "guides", "bench", "contract", "dashboard", "deploy"];
try {
	// One after the other: they take both cores, and some of them measure how soon something happens.
	await row(
		() => step("Python tests", () => pytest(["test/trainer"])),
		() =>
			step(ALONE.join(", "), () =>
				jest(
					"alone",
					ALONE.map((folder) => `test/${folder}/`),
					{ VALENCE_TEST_BASE: base },
				),
			),
		...everyOn(EMBEDDED),
		...everyOn(SERVICES),
		endToEnd,
	);
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

function finish() {
	if (!found && failed === 0) {
		loud.push(`no step is named like ${only}`);
		failed += 1;
	}
	for (const line of failures) console.log(line);
	for (const line of loud) console.log(`!! ${line}`);
	console.log(`\n${passed} passed${atSecond > 0 ? ` (${atSecond} at a second attempt)` : ""}, ${failed} failed`);
	process.exit(failed === 0 ? 0 : 1);
}
