// Checkpoints, deployments and what is served from them.
import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";
import { UNKNOWN_USER } from "../../support/fake-recommender.js";
import { refusal } from "../../support/grpc-server.js";

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
			capabilities: ["fold_in", "interests"],
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
		const during = await api.call("GET", "/users/a/recommendations?deployment=warming");
		expect(during.body.checkpoint.id).toBe(checkpoint);
		expect((await switching).body.checkpoint.id).toBe(other);
		expect((await api.call("GET", "/users/a/recommendations?deployment=warming")).body.checkpoint.id).toBe(other);
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

describe("recommendations", () => {
	beforeAll(async () => {
		await deploy("default", checkpoint);
	});
	const answered = () => ({ id: checkpoint, runId: run, model: "valid", epoch: 2 });

	test("for a user: items with titles, scores, shares and reasons, and the checkpoint that answered", async () => {
		const { status, body } = await api.call("GET", "/users/u1/recommendations");
		expect(status).toBe(200);
		expect(body).toEqual({
			user: "u1",
			items: [
				{
					id: "item/1",
					title: "First <img onerror=alert(1)>",
					score: 2.5,
					interestShares: [0.25, 0.75],
					because: [{ id: "seen" }],
				},
				{ id: "Ü 2", title: null, score: 1.5, interestShares: [0.25, 0.75], because: [{ id: "seen" }] },
			],
			checkpoint: answered(),
			deployment: "default",
			interests: 2,
		});
		const sent = api.recommender.requests.recommend.at(-1);
		expect(sent).toMatchObject({ who: { $case: "user", value: "u1" }, n: 20, excludeSeen: true, explain: true });
	});

	test.each([
		"a/b",
		"ü 漢字 🎬",
		"%",
		"?#&=",
		"<img onerror=x>",
		"...",
		"é".repeat(256),
		" ",
		"'; drop table users; --",
	])("user ids are the caller's own: %s", async (id) => {
		const { status, body } = await api.call(
			"GET",
			`/users/${encodeURIComponent(id)}/recommendations?n=1&excludeSeen=false`,
		);
		expect([status, body.user]).toEqual([200, id]);
		const sent = api.recommender.requests.recommend.at(-1);
		expect(sent).toMatchObject({ who: { value: id }, n: 1, excludeSeen: false });
		expect((await api.call("GET", `/items/${encodeURIComponent(id)}/similar`)).body.item).toBe(id);
	});

	test("from a named checkpoint; an empty one means the deployment's", async () => {
		const other = (await api.experiment(["SUCCEEDED"])).runs[0] as string;
		const id = await api.checkpoint(other);
		const { body } = await api.call("GET", `/users/u1/recommendations?checkpoint=${id}`);
		expect([body.checkpoint.runId, body.deployment]).toEqual([other, null]);
		const empty = await api.call(
			"GET",
			"/users/u1/recommendations?n=20&deployment=default&checkpoint=&excludeSeen=true",
		);
		expect([empty.status, empty.body.checkpoint.id]).toEqual([200, checkpoint]);
		expect((await api.call("GET", `/users/u1/recommendations?checkpoint=${randomUUID()}`)).status).toBe(404);
		expect((await api.call("GET", "/users/u1/recommendations?deployment=none")).body.code).toBe("nothing_deployed");
	});

	test("for a person never seen", async () => {
		const { status, body } = await api.call("POST", "/recommendations", {
			items: ["a", "never heard of"],
			n: 1,
			exclude: ["z"],
		});
		expect(status).toBe(200);
		expect(body).toMatchObject({
			user: null,
			unknownItems: ["never heard of"],
			checkpoint: answered(),
			deployment: "default",
		});
		expect(body.items).toHaveLength(1);
		const sent = api.recommender.requests.recommend.at(-1);
		expect(sent).toMatchObject({
			who: { $case: "history", value: { items: ["a", "never heard of"] } },
			n: 1,
			exclude: ["z"],
		});
	});

	test("interests with their top items and the history behind them", async () => {
		const { body } = await api.call("GET", "/users/u1/interests?n=1");
		expect(body).toEqual({
			user: "u1",
			checkpoint: answered(),
			interests: [
				{ index: 0, weight: 1, topItems: [{ id: "a", title: "A", score: 2 }], formedBy: [{ id: "h", title: null }] },
			],
			history: [{ id: "h", title: null, interestShares: [1] }],
			historyTotal: 1,
		});
	});

	test("similar items", async () => {
		const { body } = await api.call("GET", "/items/x/similar?n=3");
		expect(body).toEqual({ item: "x", items: [{ id: "b", title: "B", score: 0.9 }], checkpoint: answered() });
	});

	test("404 for an unknown user", async () => {
		for (const route of ["recommendations", "interests"]) {
			const { status, body } = await api.call("GET", `/users/${UNKNOWN_USER}/${route}`);
			expect([status, body.code]).toEqual([404, "unknown_user"]);
		}
	});

	test.each([
		["FAILED_PRECONDITION", "fold_in_unsupported", 422],
		["FAILED_PRECONDITION", "similar_unsupported", 422],
		["INVALID_ARGUMENT", "no_known_items", 422],
		["NOT_FOUND", "unknown_item", 404],
		["DATA_LOSS", "checkpoint_corrupt", 409],
		["UNAVAILABLE", "", 503],
		["DEADLINE_EXCEEDED", "", 503],
		["INTERNAL", "internal", 500],
		["UNKNOWN", "a_code_nobody_knows", 500],
	] as const)("%s %s becomes %i", async (status, code, expected) => {
		api.recommender.refuse = refusal(status, code, "Traceback: /home/secret.py", "history.items");
		const reply = await api.call("POST", "/recommendations", { items: ["a"] });
		expect(reply.status).toBe(expected);
		expect(reply.headers["content-type"]).toContain("application/problem+json");
		if (expected >= 500) expect(JSON.stringify(reply.body)).not.toContain("secret");
		if (expected === 503) expect(reply.headers["retry-after"]).toBe("2");
		if (expected === 422)
			expect(reply.body.errors).toEqual([{ pointer: "/items", code, message: "Traceback: /home/secret.py" }]);
	});
});
