// The processes as their supervisor sees them: what ends them, and what they say before.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import pg from "pg";
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

it("no line of the api's log holds the id of a person whose rows it takes and erases, also where the database refuses them", async () => {
	const port = await freePort();
	const child = start("server", { PORT: String(port), LOG_LEVEL: "info" });
	let said = "";
	for (const stream of [child.stdout, child.stderr])
		stream?.on("data", (chunk) => {
			said += chunk;
		});
	const base = `http://127.0.0.1:${port}`;
	await until("it answers", () => fetch(`${base}/healthz`).catch(() => null), 30);
	const person = "somebody-private@example.org";
	const user = encodeURIComponent(person);
	const ask = async (method: string, path: string, body?: unknown) => {
		const headers = { "content-type": "application/json" };
		const reply = await fetch(`${base}${path}`, {
			method,
			...(body !== undefined && { headers, body: JSON.stringify(body) }),
		});
		await reply.arrayBuffer();
		return reply.status;
	};
	const rows = [
		{ user: person, item: "i", id: `of ${person}` },
		{ user: person, item: "j", at: "never" },
	];
	const asked: [string, string, number, unknown?][] = [
		["PUT", "/feeds/private", 200],
		["POST", "/feeds/private/interactions?results=true", 200, rows],
		["POST", "/feeds/private/interactions", 400, rows.slice(1)],
		["PUT", "/feeds/private/items", 200, { items: [{ item: "i", title: `Given by ${person}` }] }],
		["GET", `/feeds/private/interactions?user=${user}`, 200],
		["GET", `/feeds/private/users?user=${user}`, 200],
		["GET", `/feeds/private/users/${user}`, 200],
		["POST", "/feeds/private/interactions/remove", 200, { interactions: [{ user: person, item: "none" }] }],
		["DELETE", `/feeds/private/users/${user}`, 200],
		["DELETE", `/feeds/private/users/${user}`, 200],
		["GET", `/feeds/private/users/${user}`, 404],
	];
	for (const [method, path, status, body] of asked)
		expect([method, path, await ask(method, path, body)]).toEqual([method, path, status]);

	// A database that fails may say with whom.
	expect(await ask("POST", "/feeds/private/interactions", rows)).toBe(200);
	const client = new pg.Client({ connectionString: database.url });
	await client.connect();
	await client.query(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
		RAISE EXCEPTION 'nothing is to be done with %', coalesce(OLD.id, NEW.id);
	END $$`);
	await client.query(
		"CREATE TRIGGER refuse BEFORE INSERT OR DELETE ON feed_users FOR EACH ROW EXECUTE FUNCTION refuse()",
	);
	await client.end();
	expect(await ask("DELETE", `/feeds/private/users/${user}`)).toBe(500);
	expect(await ask("POST", "/feeds/private/interactions", [{ user: `${person}.uk`, item: "i" }])).toBe(500);

	const gone = once(child, "close");
	child.kill("SIGTERM");
	await gone;
	const lines = said
		.split("\n")
		.filter(Boolean)
		.map((line) => JSON.parse(line));
	// Each of the requests is there, and what failed with them.
	expect(lines.filter(({ req }) => req?.route?.startsWith("/feeds"))).toHaveLength(asked.length + 3);
	expect(lines.filter(({ err }) => err)).toHaveLength(2);
	expect(lines.filter(({ msg }) => msg === "a person was erased")).toHaveLength(2);
	expect(said).not.toMatch(/private@|private%40|somebody/);
});
