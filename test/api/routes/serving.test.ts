// Checkpoints, deployments and what is served from them.
import { randomUUID } from "node:crypto";
import { buildApp } from "../../../services/api/src/app.js";
import { startApi, type TestApi } from "../../support/api.js";
import { refusal } from "../../support/grpc-server.js";
import { until } from "../../support/processes.js";

let api: TestApi;
let run: string;
let checkpoint: string;
beforeAll(async () => {
	api = await startApi();
	run = (await api.experiment(["SUCCEEDED"])).runs[0] as string;
	checkpoint = await api.checkpoint(run);
});
afterAll(() => api.close());
afterEach(() => {
	api.recommender.refuse = null;
	api.recommender.warmTakes = 0;
});
const deploy = (name: string, id: string) => api.call("PUT", `/deployments/${name}`, { checkpoint: id });

describe("before anything is deployed", () => {
	test.each([
		["GET", "/users/a/recommendations"],
		["GET", "/users/a/interests"],
		["GET", "/items/a/similar"],
		["POST", "/recommendations"],
	] as const)("%s %s answers 409", async (method, url) => {
		const { status, body } = await api.call(method, url, method === "POST" ? { items: ["a"] } : undefined);
		expect([status, body.code]).toEqual([409, "nothing_deployed"]);
		expect(body.detail).toContain("PUT /deployments/default");
	});
	test("GET /deployments is empty", async () => {
		expect((await api.call("GET", "/deployments")).body).toEqual({ items: [] });
		expect((await api.call("GET", "/deployments/default")).status).toBe(404);
	});
});

test("GET /checkpoints pages and filters", async () => {
	const other = (await api.experiment(["SUCCEEDED", "SUCCEEDED"], { model: "popularity" })).runs;
	const { items } = (await api.call("GET", `/checkpoints?run=${run}`)).body;
	expect(items).toMatchObject([
		{ id: checkpoint, runId: run, model: "valid", epoch: 2, bytes: 10, isBest: true, isLast: true },
	]);
	expect(items[0]).not.toHaveProperty("key");
	const first = (await api.call("GET", "/checkpoints?model=popularity&limit=1")).body;
	const second = (await api.call("GET", `/checkpoints?model=popularity&limit=1&cursor=${first.nextCursor}`)).body;
	expect([...first.items, ...second.items].map((item: { runId: string }) => item.runId).sort()).toEqual(
		[...other].sort(),
	);
	expect(second.nextCursor).toBeNull();
});

describe("PUT /deployments/:name", () => {
	test("switches once the recommender has warmed the checkpoint, and keeps the former in the history", async () => {
		const second = (await api.experiment(["SUCCEEDED"])).runs[0] as string;
		const first = await deploy("default", checkpoint);
		expect(first.status).toBe(200);
		expect(first.body).toMatchObject({
			name: "default",
			checkpoint: { id: checkpoint },
			capabilities: ["fold_in", "interests", "data_parallel"],
		});
		expect(api.recommender.requests.warm.at(-1)).toEqual({
			checkpoint: { key: `runs/${run}/epoch-00002`, sha256: "a".repeat(64) },
		});
		const next = await deploy("default", await api.checkpoint(second));
		expect(next.body.history.map((entry: { runId: string }) => entry.runId)).toEqual([second, run]);
		expect((await api.call("GET", "/deployments/default")).body).toEqual(next.body);
		expect((await api.call("GET", "/deployments")).body.items).toEqual([next.body]);
	});

	test("a checkpoint that cannot be loaded changes nothing", async () => {
		await deploy("steady", checkpoint);
		const before = (await api.call("GET", "/deployments/steady")).body;
		const other = await api.checkpoint((await api.experiment(["SUCCEEDED"])).runs[0] as string);
		for (const [status, code, expected] of [
			["DATA_LOSS", "checkpoint_corrupt", 409],
			["NOT_FOUND", "checkpoint_missing", 409],
			["RESOURCE_EXHAUSTED", "out_of_memory", 500],
			["UNAVAILABLE", "", 503],
		] as const) {
			api.recommender.refuse = refusal(status, code, "no");
			const reply = await deploy("steady", other);
			expect([reply.status, reply.body.code]).toEqual([expected, code || "unavailable"]);
			expect((await api.call("GET", "/deployments/steady")).body).toEqual(before);
		}
	});

	test("serves the former checkpoint while the next one warms", async () => {
		await deploy("warming", checkpoint);
		const other = await api.checkpoint((await api.experiment(["SUCCEEDED"])).runs[0] as string);
		api.recommender.warmTakes = 300;
		const switching = deploy("warming", other);
		const during = await api.call("GET", "/users/u1/recommendations?deployment=warming");
		expect(during.body.checkpoint.id).toBe(checkpoint);
		expect((await switching).body.checkpoint.id).toBe(other);
		expect((await api.call("GET", "/users/u1/recommendations?deployment=warming")).body.checkpoint.id).toBe(other);
	});

	test("parallel switches leave one state that the history ends with", async () => {
		const runs = (await api.experiment(["SUCCEEDED", "SUCCEEDED", "SUCCEEDED"])).runs;
		const replies = await Promise.all(runs.map(async (id) => deploy("contested", await api.checkpoint(id))));
		expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200]);
		const { checkpoint: now, history } = (await api.call("GET", "/deployments/contested")).body;
		expect(history).toHaveLength(3);
		expect(history[0].checkpointId).toBe(now.id);
	});

	test("refuses a checkpoint of a run under way, and one that is not there", async () => {
		const [running] = (await api.experiment(["RUNNING"])).runs as [string];
		const first = await deploy("default", await api.checkpoint(running));
		expect([first.status, first.body.errors[0].pointer]).toEqual([409, "/checkpoint"]);
		const second = await deploy("default", randomUUID());
		expect([second.status, second.body.errors[0].pointer]).toEqual([404, "/checkpoint"]);
	});

	test.each(["Default", "-a", "a_b", "a".repeat(65), "%20", "..%2f"])("refuses the name %s", async (name) => {
		const { status, body } = await deploy(name, checkpoint);
		expect([status, body.errors?.[0]?.pointer]).toEqual([400, "/params/name"]);
	});
});

describe("DELETE /deployments/:name", () => {
	test("ends it for every process; the history stays, says when, and goes on when the name is used again", async () => {
		const other = await buildApp(api.app.config, "routes");
		try {
			await deploy("brief", checkpoint);
			const ask = { method: "GET", url: "/users/u1/recommendations?deployment=brief" } as const;
			// This process knows at once, another within a second.
			const follows = (status: number) =>
				until("the other process follows", async () => (await other.inject(ask)).statusCode === status, 5);
			await follows(200);
			expect((await api.call("DELETE", "/deployments/brief")).status).toBe(204);
			expect((await api.call("GET", ask.url)).body.code).toBe("nothing_deployed");
			await follows(409);
			expect((await api.call("GET", "/deployments/brief")).status).toBe(404);
			expect((await api.call("DELETE", "/deployments/brief")).status).toBe(404);
			const { items } = (await api.call("GET", "/deployments/brief/history")).body;
			expect(items).toEqual([
				{
					checkpointId: checkpoint,
					runId: run,
					model: "valid",
					epoch: 2,
					experiment: "an experiment",
					dataset: expect.stringMatching(/^dataset /),
					deployedAt: expect.any(String),
					until: expect.any(String),
					removed: true,
					by: null,
					cause: "deploy",
					reason: null,
					refreshId: null,
					numbers: null,
				},
			]);
			const { history } = (await deploy("brief", checkpoint)).body;
			expect(history).toEqual([expect.objectContaining({ until: null, removed: false }), items[0]]);
			const next = (await deploy("brief", checkpoint)).body.history;
			expect(next[1]).toMatchObject({ until: next[0].deployedAt, removed: false });
		} finally {
			await other.close();
		}
	});

	test("the history comes in pages that fit together, longer than a deployment says itself", async () => {
		await api.app.prisma.deploymentHistory.createMany({
			data: Array.from({ length: 130 }, (_, nth) => ({
				...{ deploymentName: "long", runId: run, model: "valid", epoch: nth, experimentName: "e", datasetName: "d" },
				...{ deployedAt: new Date(nth * 1000), ...(nth % 10 === 3 && { removedAt: new Date(nth * 1000 + 500) }) },
			})),
		});
		const pages: { epoch: number; deployedAt: string; until: string | null; removed: boolean }[][] = [];
		for (let cursor = ""; ; ) {
			const { items, nextCursor } = (await api.call("GET", `/deployments/long/history?limit=60${cursor}`)).body;
			pages.push(items);
			if (nextCursor === null) break;
			cursor = `&cursor=${nextCursor}`;
		}
		expect(pages.map((items) => items.length)).toEqual([60, 60, 10]);
		const all = pages.flat();
		expect(all.map(({ epoch }) => epoch)).toEqual(Array.from({ length: 130 }, (_, nth) => 129 - nth));
		for (const [nth, { until, removed, deployedAt }] of all.entries()) {
			const replaced = removed ? new Date(Date.parse(deployedAt) + 500).toISOString() : all[nth - 1]?.deployedAt;
			expect([nth, until]).toEqual([nth, replaced ?? null]);
		}
		expect(((await deploy("long", checkpoint)).body.history as []).length).toBe(100);
		const wrong = await api.call("GET", "/deployments/long/history?cursor=AAAA");
		expect([wrong.status, wrong.body.code]).toEqual([400, "invalid_cursor"]);
	});

	test("of a name that was never deployed there is no history", async () => {
		expect((await api.call("GET", "/deployments/never/history")).status).toBe(404);
		expect((await api.call("DELETE", "/deployments/never")).status).toBe(404);
	});

	test("however deploys and removals meet, the history ends with what is served, or says that nothing is", async () => {
		for (let round = 0; round < 6; round++) {
			await deploy("torn", checkpoint);
			const replies = await Promise.all([
				deploy("torn", checkpoint),
				api.call("DELETE", "/deployments/torn"),
				deploy("torn", checkpoint),
			]);
			// A deploy whose name is removed before it can answer says so.
			for (const { status } of replies) expect([200, 204, 404]).toContain(status);
			const isServed = (await api.call("GET", "/deployments/torn")).status === 200;
			const { items } = (await api.call("GET", "/deployments/torn/history")).body;
			expect(items.filter((entry: { removed: boolean }) => entry.removed).length).toBeGreaterThan(0);
			expect(items[0].removed).toBe(!isServed);
		}
	});

	test("a checkpoint that is served no more can go, and the history keeps its names", async () => {
		const { id, runs } = await api.experiment(["SUCCEEDED"], { model: "popularity" });
		await deploy("gone", await api.checkpoint(runs[0] as string));
		await deploy("gone", checkpoint);
		expect((await api.call("DELETE", `/experiments/${id}`)).status).toBe(204);
		const { history } = (await api.call("GET", "/deployments/gone")).body;
		expect(history).toMatchObject([
			{ checkpointId: checkpoint, until: null },
			{ checkpointId: null, runId: runs[0], model: "popularity", epoch: 2, experiment: "an experiment" },
		]);
	});
});
