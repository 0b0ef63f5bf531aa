// The processes as their supervisor sees them: what ends them, and what they say before.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { freePort } from "../../services/supervisor/src/ports.js";
import { createDatabase, type Database } from "../support/database.js";
import { until } from "../support/processes.js";

let database: Database;
beforeAll(async () => {
	database = await createDatabase();
});
afterAll(() => database.drop());

function start(entry: "server" | "worker", env: Record<string, string>): ChildProcess {
	return spawn(process.execPath, [`services/api/dist/${entry}.js`], {
		env: { ...process.env, DATABASE_URL: database.url, PORT: "0", REDIS_URL: "", EXIT_WITH_STDIN: "1", ...env },
		stdio: ["pipe", "pipe", "pipe"],
	});
}

it("a log that nobody reads any more keeps no process from ending", async () => {
	const script = `import { pino } from "pino";
		import { logStream } from "./services/api/dist/log-stream.js";
		const { stream } = logStream();
		const log = pino(stream);
		log.info("unread");
		process.stdin.on("end", () => { log.warn("the last words"); process.exit(0); }).on("error", () => 0).resume();
		process.stderr.write("ready");`;
	const child = spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["pipe", "pipe", "pipe"] });
	await once(child.stderr, "data");
	const gone = once(child, "exit");
	for (const stream of child.stdio) stream?.destroy();
	const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
	const [status] = await gone;
	clearTimeout(late);
	expect(status).toBe(0);
});

it.each(["server", "worker"] as const)("the %s refuses wrong settings with status 2 and one line", async (entry) => {
	const child = start(entry, { HOST: "0.0.0.0", API_KEYS: "" });
	let said = "";
	child.stderr?.on("data", (chunk) => {
		said += chunk;
	});
	const [status] = await once(child, "close");
	expect([status, said]).toEqual([
		2,
		expect.stringMatching(/^(api|worker): API_KEYS must be set when HOST is 0\.0\.0\.0[^\n]*\n$/),
	]);
});

it("the api writes one line a request, without the ids in it", async () => {
	const port = await freePort();
	const child = start("server", { PORT: String(port), LOG_LEVEL: "info" });
	let said = "";
	child.stdout?.on("data", (chunk) => {
		said += chunk;
	});
	const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`).catch(() => null);
	await until("it answers", () => ask("/healthz"), 30);
	const before = said.split("\n").length;
	await ask("/users/somebody-private/recommendations");
	await ask("/nowhere/somebody-private");
	const gone = once(child, "exit");
	child.kill("SIGTERM");
	await gone;
	const lines = said
		.split("\n")
		.slice(before - 1)
		.filter(Boolean)
		.map((line) => JSON.parse(line));
	const requests = lines.filter(({ req }) => req && req.route !== "/healthz");
	expect(requests.map(({ req, status }) => [req.method, req.route, status])).toEqual([
		["GET", "/users/:id/recommendations", 409],
		["GET", "none", 404],
	]);
	for (const { req, ms } of requests) expect([req.id, ms]).toEqual([expect.any(String), expect.any(Number)]);
	expect(said).not.toContain("private");
});
