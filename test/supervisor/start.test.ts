// npm start in a real terminal, and every way in which it is told to stop: nothing is left running, nothing is lost.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "@valence/client";
import { takeDemoHome } from "../../services/supervisor/src/demo-home.js";
import { becomeOwn } from "../../services/supervisor/src/home/id.js";
import { ownerOf } from "../../services/supervisor/src/home/lock.js";
import { freePort } from "../../services/supervisor/src/ports.js";
import { databaseOf } from "../../services/supervisor/src/postgres/place.js";
import { removeHomesIn } from "../support/homes.js";
import { until } from "../support/processes.js";
import { launchLong } from "../support/small-run.js";

jest.setTimeout(600_000);
const home = mkdtempSync(join(tmpdir(), "valence-start-"));
afterAll(() => removeHomesIn(home));

/** A terminal of its own: what is written to its input is typed, and when it ends the terminal is closed. */
const TERMINAL = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";

/** What a killed worker had is taken up after four seconds instead of twenty. */
const SOON = { TIMING_SCALE: "5" };

class Start {
	output = "";
	readonly process: ChildProcess;

	constructor(
		env: Record<string, string>,
		given: string[] = [],
		readonly base = `http://127.0.0.1:${env.PORT}`,
	) {
		const { DATABASE_URL: _, REDIS_URL: __, npm_config_local_prefix: ___, ...rest } = process.env;
		const command = ["-c", TERMINAL, "npm", "start", "--", ...given];
		this.process = spawn("python3", command, { env: { ...rest, ...SOON, VALENCE_HOME: home, ...env }, stdio: "pipe" });
		for (const stream of [this.process.stdout, this.process.stderr])
			stream?.on("data", (chunk) => {
				this.output += chunk;
			});
	}

	static async up(): Promise<Start> {
		const start = new Start({ PORT: String(await freePort()) });
		await until(`it is up:\n${start.output}`, () => start.output.includes("Ctrl-C or npx valence stop"), 120);
		return start;
	}

	async ended(): Promise<number | null> {
		if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, "exit");
		return this.process.exitCode;
	}
}

const processes = () => readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid);

function fileOf(pid: string, name: string): string {
	try {
		return readFileSync(`/proc/${pid}/${name}`, "utf8");
	} catch {
		return ""; // it ended while we looked
	}
}

/** Everything that works for the home, PostgreSQL among it. Who ends while we look has no command line any more. */
const living = () =>
	processes()
		.map((pid) => ({ pid, environment: fileOf(pid, "environ"), command: fileOf(pid, "cmdline") }))
		.filter(({ environment, command }) => environment.includes(`VALENCE_HOME=${home}\0`) || command.includes(home))
		.filter(({ command }) => command !== "")
		.map(({ pid, command }) => `${pid} ${command.replaceAll("\0", " ")}`);

/** npm itself: it has the name that its title gives it. */
const npmOf = (start: Start) =>
	Number(
		processes().find(
			(pid) =>
				fileOf(pid, "cmdline").startsWith("npm start") &&
				fileOf(pid, "stat").split(") ")[1]?.split(" ")[1] === String(start.process.pid),
		),
	);

const ways: [string, (start: Start) => void][] = [
	[
		"npm stop",
		() => {
			const { status, stdout } = spawnSync("npm", ["stop"], {
				encoding: "utf8",
				env: { ...process.env, VALENCE_HOME: home },
			});
			expect([status, stdout]).toEqual([0, expect.stringContaining("Stopped what served http://127.0.0.1:")]);
		},
	],
	["SIGTERM to npm", (start) => process.kill(npmOf(start), "SIGTERM")],
	["SIGTERM to the supervisor", () => process.kill(ownerOf(home)?.pid as number, "SIGTERM")],
	["closing the terminal", (start) => start.process.kill("SIGKILL")],
	["Ctrl-C", (start) => start.process.stdin?.write("\x03")],
	[
		"Ctrl-C twice",
		(start) => {
			start.process.stdin?.write("\x03");
			setTimeout(() => start.process.stdin?.write("\x03"), 800);
		},
	],
];

test("told to stop in every way it leaves nothing running, and a run under way goes on at the next start", async () => {
	let run = "";
	let epoch = 0;
	for (const [way, stop] of ways) {
		const start = await Start.up();
		const api = connect(start.base);
		run ||= await launchLong(api, 10_000);
		const see = () => api.get("/runs/{id}", { path: { id: run } });
		await until(`the run goes on before ${way}`, async () => (await see()).epoch > epoch);
		epoch = (await see()).epoch;
		stop(start);
		await start.ended();
		await until(`nothing is left of ${way}`, () => living().length === 0, 30).catch((error: Error) => {
			throw new Error(`${error.message}: ${living().join("\n")}`);
		});
		expect([way, ownerOf(home)]).toEqual([way, null]);
	}
	const last = await Start.up();
	expect(last.output).toContain(`database   ${databaseOf(home)}`);
	const api = connect(last.base);
	await api.post("/runs/{id}/cancel", { path: { id: run } }).catch(() => undefined); // it may have ended by itself
	const ended = await until("it ends", async () => {
		const now = await api.get("/runs/{id}", { path: { id: run } });
		return ["CANCELLED", "SUCCEEDED"].includes(now.state) && now;
	});
	expect(ended.epoch).toBeGreaterThanOrEqual(epoch);
	const { series } = await api.get("/runs/{id}/metrics", { path: { id: run } });
	for (const { split, name, points } of series.filter((one) => one.split !== "test")) {
		const epochs = points.map((point) => point.epoch);
		expect([split, name, epochs]).toEqual([split, name, Array.from({ length: ended.epoch }, (_, index) => index + 1)]);
	}
	process.kill(ownerOf(home)?.pid as number, "SIGTERM");
	expect(await last.ended()).toBe(0);
	const half = readdirSync(join(home, "artifacts"), { recursive: true }).filter((name) =>
		/\.tmp-|\.half/.test(String(name)),
	);
	expect(half).toEqual([]);
});

test("stopped while it starts it leaves nothing running, and says so only then", async () => {
	const start = new Start({ PORT: String(await freePort()) });
	await until("it has begun", () => living().some((line) => line.includes("serve-recommender")), 60);
	spawnSync("npm", ["stop"], { env: { ...process.env, VALENCE_HOME: home } });
	expect(living().filter((line) => !line.includes("npm") && !line.includes("valence.mjs start"))).toEqual([]);
	expect(await start.ended()).toBe(0);
	expect(living()).toEqual([]);
});

test("npm stop takes no arguments, and finds a service whose lock was lost", async () => {
	const stop = (...given: string[]) => {
		const env = { ...process.env, VALENCE_HOME: home };
		const { status, stdout, stderr } = spawnSync("npm", ["-s", "stop", "--", ...given], { encoding: "utf8", env });
		return [status, stdout + stderr];
	};
	expect(stop("--help")).toEqual([0, expect.stringContaining("Stop the service that runs here")]);
	expect(stop("now")).toEqual([2, expect.stringContaining("now is not known here")]);
	const start = await Start.up();
	rmSync(join(home, "owner.json"));
	expect(stop()).toEqual([0, expect.stringContaining("Stopped")]);
	expect(await start.ended()).toBe(0);
	await until("nothing is left", () => living().length === 0, 20);
});

test.each([
	["npm", "stop"],
	["npx", "valence", "stop"],
])("a second stop says that nothing runs: %s", (command, ...words) => {
	const env = { ...process.env, VALENCE_HOME: home };
	const { status, stdout } = spawnSync(command, words, { encoding: "utf8", env });
	expect([status, stdout]).toEqual([0, expect.stringContaining(`Nothing runs on ${home}.`)]);
});

test.each([
	[
		"a key that is missing",
		{ HOST: "0.0.0.0" },
		/API_KEYS must be set when HOST is 0\.0\.0\.0: only loopback may be served without keys/,
	],
	["a setting of the trainer", { TRAINER_SLOTS: "many" }, /TRAINER_SLOTS/],
	["a port that is none", { PORT: "seventy" }, /PORT takes a number from 1 to 65535, not seventy/],
])("wrong settings end it with status 1 and the reason: %s", async (_what, env, reason) => {
	const start = new Start({ PORT: String(await freePort()), ...env });
	expect([await start.ended(), start.output]).toEqual([1, expect.stringMatching(reason)]);
	expect(start.output).not.toContain("starting it again");
	await until("nothing is left", () => living().length === 0, 20);
});

test("a demo's home that a person starts is theirs: no demo takes or removes it", async () => {
	const folder = mkdtempSync(join(tmpdir(), "valence-theirs-"));
	const demo = takeDemoHome(join(folder, "demo"));
	const theirs = new Start({ PORT: String(await freePort()), VALENCE_HOME: demo.home });
	expect([await theirs.ended(), theirs.output]).toEqual([1, expect.stringContaining("is in use by process")]);
	becomeOwn(demo.home); // as a start does once it has the home
	demo.end();
	expect(existsSync(join(demo.home, "home.json"))).toBe(true);
	expect(takeDemoHome(join(folder, "demo")).home).toBe(join(folder, "demo-2"));
	rmSync(folder, { recursive: true });
});

test("a home without its database ends it with the reason", async () => {
	const gone = mkdtempSync(join(tmpdir(), "valence-gone-"));
	writeFileSync(join(gone, "home.json"), JSON.stringify({ id: crypto.randomUUID(), path: gone, hasDatabase: true }));
	const start = new Start({ PORT: String(await freePort()), VALENCE_HOME: gone });
	expect([await start.ended(), start.output]).toEqual([1, expect.stringMatching(/The database of .* is not there/)]);
	rmSync(gone, { recursive: true });
});
