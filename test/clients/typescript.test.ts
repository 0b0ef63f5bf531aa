// The generated client against an api that listens, and against what it is generated from.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect, Problem } from "@valence/client";
import { appendEvent } from "../../services/api/src/plugins/jobs.js";
import { freePort } from "../../services/supervisor/src/ports.js";
import { startApi, type TestApi } from "../support/api.js";
import { AN_ID } from "../support/routes.js";

const KEY = "k".repeat(24);
let api: TestApi;
let url: string;
let client: Client;
beforeAll(async () => {
	api = await startApi({ API_KEYS: KEY });
	url = await api.app.listen({ host: "127.0.0.1", port: 0 });
	client = connect(url, KEY);
});
afterAll(() => api.close());

const problemOf = async (work: Promise<unknown>) => {
	const error = await work.then(
		() => null,
		(thrown) => thrown,
	);
	expect(error).toBeInstanceOf(Problem);
	return error as Problem;
};

it("is made from the contract as it is; `npm run setup` makes it anew", () => {
	const folder = mkdtempSync(join(tmpdir(), "valence-client-"));
	try {
		const file = join(folder, "openapi.ts");
		execFileSync(process.execPath, ["clients/typescript/scripts/generate.mjs", file]);
		const types = readFileSync(file, "utf8");
		expect(types).toContain("export type Recommendations = ");
		expect(readFileSync("clients/typescript/src/generated/openapi.ts", "utf8") === types).toBe(true);
	} finally {
		rmSync(folder, { recursive: true });
	}
});

it("sends paths, queries, bodies and headers where they belong, and gives back the answer", async () => {
	const dataset = await api.dataset();
	expect((await client.get("/datasets/{id}", { path: { id: dataset } })).id).toBe(dataset);
	const models = [{ model: "valid" }];
	const headers = { "idempotency-key": "once" };
	const launched = await client.post("/experiments", { body: { dataset, models, seeds: [1, 2] }, headers });
	expect(launched.runs.map((run) => run.seed)).toEqual([1, 2]);
	const again = await client.post("/experiments", { body: { dataset, models, seeds: [1, 2] }, headers });
	expect(again.id).toBe(launched.id);
	const { items } = await client.get("/experiments", { query: { dataset, limit: 1 } });
	expect(items.map(({ id }) => id)).toEqual([launched.id]);
	const kept = await client.put("/experiments/{id}/keep", { path: { id: launched.id }, body: { checkpoints: "best" } });
	expect(kept).toEqual({ keep: { checkpoints: "best", runs: null }, removed: { checkpoints: 0, bytes: 0 } });
});

it("goes through every page of a list, and deletes", async () => {
	const dataset = await api.dataset();
	const made: string[] = [];
	for (let n = 0; n < 5; n++) made.unshift((await api.experiment(["SUCCEEDED"], { dataset })).id);
	const found: string[] = [];
	for await (const { id } of client.each("/experiments", { query: { dataset, limit: 2 } })) found.push(id);
	expect(found).toEqual(made);
	expect(await client.delete("/experiments/{id}", { path: { id: made[0] as string } })).toBeUndefined();
	expect((await client.get("/experiments", { query: { dataset } })).items).toHaveLength(4);
});

it("sends files as a form, what they are before them", async () => {
	const interactions = new File(["user,item\nu,i\n"], "clicks.csv");
	const body = { interactions, name: "clicks", rule: { kCore: 2 } };
	const dataset = await client.post("/datasets", { body });
	expect(dataset).toMatchObject({ name: "clicks", rule: { kCore: 2 }, files: [{ name: "clicks.csv", bytes: 14 }] });
	const problem = await problemOf(client.post("/datasets", { body: { ...body, rule: { kCore: 0 } } }));
	expect([problem.code, problem.errors.map(({ pointer }) => pointer)]).toEqual(["invalid_request", ["/rule/kCore"]]);
});

it("gives what is no JSON by the library it stands on", async () => {
	const { data } = await client.fetcher.GET("/metrics", { parseAs: "text" });
	expect(data).toContain("valence_event_streams 0");
	await expect(client.fetcher.GET("/exports/{id}/file", { params: { path: { id: AN_ID } } })).rejects.toThrow(Problem);
});

it("throws what is wrong, with its place", async () => {
	const problem = await problemOf(client.get("/runs/{id}", { path: { id: AN_ID } }));
	expect(problem).toMatchObject({ status: 404, code: "not_found", detail: problem.message });
	expect(problem.instance).toMatch(/^urn:uuid:/);
	const wrong = await problemOf(client.get("/experiments", { query: { limit: 0 } }));
	expect(wrong).toMatchObject({ status: 400, errors: [{ pointer: "/query/limit" }] });
	expect(await problemOf(connect(url).get("/models"))).toMatchObject({ status: 401, code: "unauthorized" });
});

it("asks for the key each time where it may change", async () => {
	let key: string | null = null;
	const changing = connect(url, () => key);
	expect((await problemOf(changing.get("/models"))).status).toBe(401);
	key = KEY;
	expect((await changing.get("/models")).items.length).toBeGreaterThan(0);
});

it("says that nobody answers, and what a proxy says instead", async () => {
	const nowhere = `http://127.0.0.1:${await freePort()}`;
	expect(await problemOf(connect(nowhere).get("/models"))).toMatchObject({ status: 0, code: "unavailable" });
	const proxy = createServer((_request, response) => response.writeHead(502).end("<h1>Bad Gateway</h1>"));
	await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
	try {
		const { port } = proxy.address() as { port: number };
		const problem = await problemOf(connect(`http://127.0.0.1:${port}`).get("/models"));
		expect(problem).toMatchObject({ status: 502, code: "internal", detail: "The service answered 502." });
	} finally {
		proxy.close();
	}
});

it("follows a run to its end from where it is told, and stops when asked", async () => {
	const { runs } = await api.experiment(["RUNNING", "RUNNING"]);
	const [ends, goesOn] = runs as [string, string];
	const { prisma } = api.app;
	const metrics = [{ split: "valid", name: "recall@20", value: 0.3 }];
	const epoch = { epoch: 3, metrics, seconds: 1, secondsLeft: 2, bestEpoch: 3, bestValue: 0.3 };
	await prisma.$transaction((tx) => appendEvent(tx, ends, "epoch", epoch));
	await prisma.$transaction(async (tx) => {
		await tx.job.update({ where: { id: ends }, data: { state: "SUCCEEDED", finishedAt: new Date() } });
		await appendEvent(tx, ends, "state", { state: "SUCCEEDED" });
	});
	const seen: unknown[] = [];
	for await (const event of client.follow(ends, { after: 1 })) {
		seen.push([event.id, event.event, event.event === "epoch" ? event.data.bestValue : null]);
	}
	expect(seen).toEqual([
		[2, "epoch", 0.3],
		[3, "state", null],
	]);
	const stop = new AbortController();
	const first: string[] = [];
	const following = async () => {
		for await (const { event } of client.follow(goesOn, { signal: stop.signal })) {
			first.push(event);
			stop.abort();
		}
	};
	await expect(following()).rejects.toMatchObject({ name: "AbortError" });
	expect(first).toEqual(["state"]);
	expect((await problemOf(client.follow(AN_ID).next())).status).toBe(404);
});
