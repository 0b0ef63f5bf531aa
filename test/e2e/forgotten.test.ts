// Once a dataset with a person in it is deleted, nothing that Valence keeps names that person: no answer, no file, no log
// line, no row. Pages that PostgreSQL has freed but not used again yet are excepted (docs/api.md).
import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { type Stack, startStack } from "../../services/supervisor/src/stack.js";
import { removeHomesIn } from "../support/homes.js";
import { until } from "../support/processes.js";

jest.setTimeout(240_000);
/** ASCII, so that it is found however the rest is written; and one that is written in many ways. */
const PLAIN = "zqx7c1e9d4a";
const PERSONS = [`o'Neil "Ω"/${PLAIN}`, "漢字の人物Ω"];
const [ALICE, KANJI] = PERSONS as [string, string];

const home = mkdtempSync(join(tmpdir(), "valence-forgotten-"));
let stack: Stack;
let database: pg.Client;
beforeAll(async () => {
	stack = await startStack({ home, port: 0, env: { REDIS_URL: "", LOG_LEVEL: "debug" } });
	database = new pg.Client({ connectionString: stack.postgres?.url });
	await database.connect();
});
afterAll(async () => {
	await database?.end().catch(() => undefined);
	await stack?.stop();
	removeHomesIn(home);
});

/** Every way in which a person's id may be written. */
function formsOf(id: string): string[] {
	const escaped = [...id].map((one) =>
		one < "\u0080" ? one : `\\u${one.charCodeAt(0).toString(16).padStart(4, "0")}`,
	);
	const forms = [id, encodeURIComponent(id), JSON.stringify(id).slice(1, -1), escaped.join("")];
	return [...forms, ...forms.map((form) => form.replace(/(%|\\u)[0-9a-f]+/gi, (one) => one.toLowerCase()))];
}
const FORMS = [...new Set([PLAIN, ...PERSONS.flatMap(formsOf)])].map((form) => Buffer.from(form));
const names = (bytes: Buffer | string) => FORMS.some((form) => Buffer.from(bytes).includes(form));

/** Files below the home that name a person, but those of the database itself. */
function filesThatName(): string[] {
	const files = readdirSync(home, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
	const paths = files.map((entry) => join(entry.parentPath, entry.name));
	const searched = paths.filter((path) => !path.startsWith(join(home, "postgres/data/")));
	expect(searched.filter((path) => /(api|worker|trainer|recommender|postgres)\.log$/.test(path))).toHaveLength(5);
	return searched.filter((path) => names(path) || names(readFileSync(path)));
}

/** Rows of any table, the queue's and the bookkeeping's too, that name a person. */
async function rowsThatName(): Promise<string[]> {
	const { rows: tables } = await database.query<{ name: string }>(
		`SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
		WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
	);
	expect(tables.map(({ name }) => name)).toEqual(expect.arrayContaining(["public.jobs", "public.idempotency_keys"]));
	expect(tables.some(({ name }) => name.startsWith("valence_queue."))).toBe(true);
	const found: string[] = [];
	for (const { name } of tables) {
		const { rows } = await database.query<{ text: string }>(`SELECT to_jsonb(t)::text AS text FROM ${name} t`);
		// As jsonb writes it, and with what stands inside text columns as JSON of JSON undone.
		found.push(
			...rows
				.filter(({ text }) => names(text) || names(text.replaceAll("\\\\", "\\")))
				.map(({ text }) => `${name} ${text}`),
		);
	}
	return found;
}

interface Answer {
	status: number;
	text: string;
	// biome-ignore lint/suspicious/noExplicitAny: answers are what the test is about
	body: any;
}
async function call(
	method: string,
	path: string,
	body?: object | string,
	more: Record<string, string> = {},
): Promise<Answer> {
	const isForm = body instanceof FormData;
	const response = await fetch(`${stack.url}${path}`, {
		method,
		headers: { ...(body && !isForm && { "content-type": "application/json" }), ...more },
		...(body && { body: isForm || typeof body === "string" ? body : JSON.stringify(body) }),
	});
	const text = await response.text();
	return { status: response.status, text, body: /^[{[]/.test(text) ? JSON.parse(text) : null };
}

async function upload(name: string, rows: string[], rule: object, fileName: string): Promise<string> {
	const form = new FormData();
	form.set("name", name);
	form.set("rule", JSON.stringify(rule));
	form.set("interactions", new Blob([rows.join("\n")]), fileName);
	const { status, text, body } = await call("POST", "/datasets", form);
	expect([status, text]).toEqual([202, expect.anything()]);
	return body.id;
}
const state = async (path: string) => (await call("GET", path)).body.state;
const becomes = (path: string, wanted: string) =>
	until(`${path} is ${wanted}`, async () => {
		const now = await state(path);
		if (["FAILED", "CANCELLED", "SUCCEEDED"].includes(now) && now !== wanted) throw new Error(`${path} is ${now}`);
		return now === wanted;
	});

/** Sixty people with ten items each, the two among them, and a bad row of each. */
function interactions(): string[] {
	const people = [...PERSONS, ...Array.from({ length: 58 }, (_, n) => `user ${n}`)];
	const rows = people.flatMap((who, n) => Array.from({ length: 10 }, (_, k) => `${who}\titem ${(n * 7 + k * 3) % 40}`));
	return ["user_id\titem_id", ...rows, ...PERSONS.map((who) => `${who}\titem 1\ttoo much`)];
}

function formOf(field: string): FormData {
	const form = new FormData();
	form.set(field, field);
	return form;
}

/** Whatever a request may carry an id in, and whatever may be wrong with it. */
async function askAround(run: string, checkpoint: string): Promise<void> {
	for (const who of PERSONS) {
		const id = encodeURIComponent(who);
		expect((await call("GET", `/users/${id}/recommendations?n=3`)).body.user).toBe(who);
		expect((await call("GET", `/users/${id}`)).body.id).toBe(who);
		expect((await call("GET", `/users/${id}/history`)).body.user).toBe(who);
		expect((await call("GET", `/users/${id}/interests`)).body.user).toBe(who);
		expect((await call("GET", `/users/${id}/recommendations?checkpoint=${checkpoint}`)).status).toBe(200);
		const person = { items: ["item 1", who], exclude: [who] };
		expect((await call("POST", "/recommendations", person)).body.unknownItems).toEqual([who]);
		const wrong: [status: number, method: string, path: string, body?: object | string][] = [
			[404, "GET", `/users/${id}-unknown/recommendations`],
			[404, "GET", `/items/${id}/similar`],
			[404, "GET", `/users/${id}-unknown`],
			[404, "GET", `/users/${id}-unknown/history`],
			[404, "GET", `/nowhere/${id}?who=${id}`],
			[404, "GET", `/ui/assets/${id}.js`],
			[405, "DELETE", `/users/${id}/interests`],
			[400, "GET", `/users/${id}/recommendations?n=${id}`],
			[400, "GET", `/users/${id}/recommendations?${id}=1`],
			[400, "GET", `/users/%ED%A0%80${id}/recommendations`],
			[400, "GET", `/users/${id.repeat(40)}/recommendations`],
			[400, "GET", `/datasets?cursor=${id}`],
			[400, "POST", "/recommendations", `{"items": ["${who}`],
			[400, "POST", "/recommendations", { items: [who], [who]: who }],
			[422, "POST", "/recommendations", { items: [who] }],
			[400, "POST", "/experiments", { dataset: who, models: [] }],
			[400, "PUT", `/deployments/${id}`, { checkpoint }],
			[400, "POST", "/deployments/default/exports", { format: "csv", users: [who, who] }],
			[400, "POST", "/deployments/default/exports", { format: who }],
			[400, "GET", `/exports?deployment=${id}`],
			[400, "POST", "/datasets", formOf(who)],
		];
		for (const [status, method, path, body] of wrong) {
			const answer = await call(method, path, body);
			expect([method, path, answer.status]).toEqual([method, path, status]);
		}
		const key = { "idempotency-key": `${PLAIN} ${id}` };
		expect((await call("POST", `/runs/${run}/evaluations`, {}, key)).status).toBe(202);
		const asked = { format: "ndjson", explain: true, users: [who, `${who} unknown`] };
		expect((await call("POST", "/deployments/default/exports", asked, key)).status).toBe(202);
	}
	const { hostname, port } = new URL(stack.url);
	const socket = connect(Number(port), hostname);
	socket.end(`GET /users/${PLAIN} recommendations HTTP/9.9\r\n${PLAIN}\r\n\r\n`);
	await new Promise((resolve) => socket.on("close", resolve).resume());
	// While the recommender is away nothing is computed, and that is logged.
	const recommender = stack.services.find(({ spec }) => spec.name === "recommender");
	process.kill(recommender?.pid as number, "SIGKILL");
	const ask = () => call("POST", `/users/${encodeURIComponent(ALICE)}/recommendations`, { calibrate: 0 });
	await until("the recommender is missed", async () => (await ask()).status === 503, 10);
	await until("the recommender is back", async () => (await ask()).status === 200);
}

test("a person whose dataset is deleted is named nowhere any more", async () => {
	const dataset = await upload("mixed", interactions(), { skipBadRows: true }, "people.inter");
	// The first row is taken for the header, and the message quotes it; the file is named after a person, too.
	const headless = await upload("headless", [`${PLAIN}${KANJI},x`, "a,b"], {}, `${PLAIN}.csv`);
	const strict = await upload("strict", interactions(), {}, `${KANJI}.inter`);
	// It takes longer than the heartbeat that tells of the cancel.
	const rows = Array.from({ length: 4_000_000 }, (_, n) => `${PERSONS[n % 2]}${n % 997}\titem ${n % 4_999}`);
	const endless = await upload("endless", ["user_id\titem_id", ...rows], {}, "endless.inter");
	await until("it is imported", async () => (await state(`/datasets/${endless}`)) === "RUNNING");
	await call("POST", `/datasets/${endless}/cancel`);
	await becomes(`/datasets/${endless}`, "CANCELLED");
	expect((await call("DELETE", `/datasets/${endless}`)).status).toBe(204);
	await becomes(`/datasets/${dataset}`, "SUCCEEDED");
	for (const id of [headless, strict]) await becomes(`/datasets/${id}`, "FAILED");
	expect((await call("GET", `/datasets/${headless}`)).body.error.message).toContain(KANJI);
	// Imported again with another rule, under a key of the caller's.
	const again = { rule: { columns: { user: "nobody" } } };
	expect((await call("POST", `/datasets/${headless}/imports`, again, { "idempotency-key": PLAIN })).status).toBe(202);
	await becomes(`/datasets/${headless}`, "FAILED");

	const small = { k: 2, embedding_size: 8, encoder_size: 8, epochs: 2 };
	const models = [{ model: "valid", params: small }, { model: "popularity" }];
	const launched = await call("POST", "/experiments", { dataset, models }, { "idempotency-key": PLAIN });
	await becomes(`/experiments/${launched.body.id}`, "SUCCEEDED");
	const run = launched.body.runs[0].id;
	const checkpoint = (await call("GET", `/checkpoints?run=${run}`)).body.items[0].id;
	expect((await call("PUT", "/deployments/default", { checkpoint })).status).toBe(200);
	await askAround(run, checkpoint);
	const { items: evaluations } = (await call("GET", `/runs/${run}/evaluations`)).body;
	for (const { id } of evaluations) await becomes(`/evaluations/${id}`, "SUCCEEDED");
	const { items: exports } = (await call("GET", "/exports")).body;
	for (const { id } of exports) await becomes(`/exports/${id}`, "SUCCEEDED");
	expect(exports.length).toBe(PERSONS.length);
	await until("what the exports were asked for is forgotten", async () => {
		const { rows: asked } = await database.query("SELECT 1 FROM exports WHERE users <> '[]'");
		return asked.length === 0;
	});

	// Until then it is there: what is searched below can find it.
	expect(
		filesThatName().map((path) =>
			path
				.slice(home.length + 1)
				.split("/")
				.slice(0, 2)
				.join("/"),
		),
	).toEqual(expect.arrayContaining(["artifacts/datasets", "artifacts/uploads", "artifacts/exports"]));
	expect((await rowsThatName()).map((row) => row.split(" ")[0])).toEqual(
		expect.arrayContaining(["public.jobs", "public.datasets", "public.job_events", "public.idempotency_keys"]),
	);

	expect((await call("DELETE", `/datasets/${dataset}?withExperiments=true`)).status).toBe(409);
	expect((await call("DELETE", "/deployments/default")).status).toBe(204);
	expect((await call("DELETE", `/datasets/${dataset}?withExperiments=true`)).status).toBe(204);
	for (const id of [headless, strict]) expect((await call("DELETE", `/datasets/${id}`)).status).toBe(204);
	await until("every removal is done", async () => {
		const { rows: left } = await database.query("SELECT 1 FROM artifact_removals");
		return left.length === 0;
	});

	const asked = encodeURIComponent(ALICE);
	expect((await call("GET", `/users/${asked}/recommendations`)).body.code).toBe("nothing_deployed");
	expect((await call("GET", `/users/${asked}/recommendations?checkpoint=${checkpoint}`)).status).toBe(404);
	for (const path of [
		"/datasets?failed=true",
		"/experiments",
		"/checkpoints",
		"/deployments",
		"/deployments/default/history",
		"/exports",
		"/metrics",
	]) {
		const { status, text } = await call("GET", path);
		expect([path, status, names(text)]).toEqual([path, 200, false]);
	}
	expect(await rowsThatName()).toEqual([]);
	await database.end();
	await stack.stop();
	await sleep(100); // the logs are written as the processes end
	expect(filesThatName()).toEqual([]);
});
