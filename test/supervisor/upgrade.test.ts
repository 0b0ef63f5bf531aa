// The home of an earlier version, with a run under way, goes on under this one.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { jest } from "@jest/globals";
import { connect } from "@valence/client";
import { freePort } from "../../services/supervisor/src/ports.js";
import { databaseOf } from "../../services/supervisor/src/postgres/place.js";
import { removeHomesIn } from "../support/homes.js";
import { until } from "../support/processes.js";
import { launchLong } from "../support/small-run.js";

jest.setTimeout(300_000);
/** The last commit before databases lay in their homes. */
const BEFORE = "b230507";
const ROOT = process.cwd();
const folder = mkdtempSync(join(tmpdir(), "valence-upgrade-"));
const home = join(folder, "home");
const earlier = join(folder, "earlier");

beforeAll(() => {
	mkdirSync(earlier);
	mkdirSync(home);
	execFileSync("sh", [
		"-c",
		`git archive ${BEFORE} package.json tsconfig.base.json prisma prisma.config.ts proto services | tar -x -C "$1"`,
		"sh",
		earlier,
	]);
	symlinkSync(join(ROOT, "node_modules"), join(earlier, "node_modules"));
	symlinkSync(join(ROOT, "services/trainer-py/.venv"), join(earlier, "services/trainer-py/.venv"));
	const bin = (name: string) => join(ROOT, "node_modules/.bin", name);
	const run = (command: string, given: string[], cwd = earlier) =>
		execFileSync(command, given, {
			cwd,
			env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath },
			stdio: "pipe",
		});
	run(bin("buf"), ["generate"], join(earlier, "proto"));
	run("services/trainer-py/.venv/bin/python", ["services/trainer-py/scripts/generate.py"]);
	run(bin("prisma"), ["generate"]);
	for (const service of ["api", "supervisor"]) run(bin("tsc"), ["-p", `services/${service}/tsconfig.build.json`]);
});
afterAll(async () => {
	for (const end of started) await end();
	removeHomesIn(folder);
});

const started: (() => Promise<void>)[] = [];

/** Of this checkout, or of one from before there was the command. */
function commandOf(checkout: string): string[] {
	const command = join(checkout, "services/cli/dist/main.js");
	return existsSync(command) ? [command, "start"] : [join(checkout, "services/supervisor/dist/start.js")];
}

async function start(checkout: string) {
	const port = await freePort();
	const { DATABASE_URL: _, REDIS_URL: __, ...env } = process.env;
	const child = spawn(process.execPath, commandOf(checkout), {
		env: { ...env, TIMING_SCALE: "5", VALENCE_HOME: home, PORT: String(port) },
		stdio: ["ignore", "pipe", "pipe"],
	});
	const end = async (signal: NodeJS.Signals) => {
		if (child.exitCode !== null || child.signalCode !== null) return;
		const gone = once(child, "exit");
		child.kill(signal);
		await gone;
	};
	started.push(() => end("SIGTERM"));
	let said = "";
	for (const stream of [child.stdout, child.stderr])
		stream.on("data", (chunk) => {
			said += chunk;
		});
	await until(
		"it is up",
		() => {
			if (child.exitCode !== null) throw new Error(said);
			return said.includes("dashboard");
		},
		120,
	);
	return { api: connect(`http://127.0.0.1:${port}`), end, said: () => said };
}

test("a run that the earlier version had begun ends under this one, with every number", async () => {
	const first = await start(earlier);
	const run = await launchLong(first.api, 60);
	await until("it has begun", async () => (await first.api.get("/runs/{id}", { path: { id: run } })).epoch >= 3);
	await first.end("SIGKILL"); // as the power goes
	const second = await start(ROOT);
	expect(second.said()).toContain(`database   ${databaseOf(home)}`);
	let now = await second.api.get("/runs/{id}", { path: { id: run } });
	const ended = await until(
		"it ends",
		async () => {
			now = await second.api.get("/runs/{id}", { path: { id: run } });
			return now.state === "SUCCEEDED" && now;
		},
		150,
	).catch((error: Error) => {
		throw new Error(`${error.message}: ${JSON.stringify(now)}`);
	});
	const { series } = await second.api.get("/runs/{id}/metrics", { path: { id: run } });
	for (const { split, name, points } of series.filter((one) => one.split !== "test")) {
		const epochs = points.map((point) => point.epoch);
		expect([split, name, epochs]).toEqual([split, name, Array.from({ length: ended.epoch }, (_, index) => index + 1)]);
	}
	const best = ended.checkpoints.find((checkpoint) => checkpoint.isBest)?.id as string;
	await second.api.put("/deployments/{name}", { path: { name: "default" }, body: { checkpoint: best } });
	const { items } = await second.api.get("/users/{id}/recommendations", { path: { id: "u1" }, query: { n: 5 } });
	expect(items).toHaveLength(5);
	await second.end("SIGTERM");
});
