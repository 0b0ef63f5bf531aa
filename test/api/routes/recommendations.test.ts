// Recommendations over HTTP: three tiers, what each is asked for, and what wrong questions are answered.
import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";
import { STRANGE, scoreOf, UNKNOWN_USER, WORLD } from "../../support/fake-recommender.js";
import { refusal } from "../../support/grpc-server.js";
import { until } from "../../support/processes.js";

let api: TestApi;
let run: string;
let checkpoint: string;
const deploy = (name: string, id: string) => api.call("PUT", `/deployments/${name}`, { checkpoint: id });
const warm = (name = "default") =>
	until("lists are warm", async () => (await api.call("GET", `/deployments/${name}/serving`)).body.lists.warm, 10);
beforeAll(async () => {
	api = await startApi();
	run = (await api.experiment(["SUCCEEDED"])).runs[0] as string;
	checkpoint = await api.checkpoint(run);
	await deploy("default", checkpoint);
	await warm();
});
afterAll(() => api.close());
afterEach(() => {
	api.recommender.refuse = null;
	api.recommender.recommendTakes = 0;
});

const answered = () => ({ id: checkpoint, runId: run, model: "valid", epoch: 2 });
const ids = (body: { items: { id: string }[] }) => body.items.map(({ id }) => id);
const asked = () => api.recommender.requests.recommend;
const BECAUSE = [{ id: "seen", title: "Seen before" }];
const ITEMS = [
	{
		id: "item/1",
		title: "First <img onerror=alert(1)>",
		score: scoreOf(0),
		interestShares: [0.25, 0.75],
		because: BECAUSE,
	},
	{ id: "Ü 2", title: null, score: scoreOf(1), interestShares: [0.25, 0.75], because: BECAUSE },
	{ id: "a", title: "A", score: scoreOf(2), interestShares: [0.25, 0.75], because: BECAUSE },
];

describe("the list tier", () => {
	test("items with titles, scores, shares and reasons, and the checkpoint that answered; nobody is asked", async () => {
		const before = asked().length;
		const { status, headers, body } = await api.call("GET", "/users/u1/recommendations");
		expect(status).toBe(200);
		expect(body).toEqual({
			user: "u1",
			items: ITEMS,
			answeredBy: "list",
			recommendationId: null,
			checkpoint: answered(),
			deployment: "default",
			interests: 2,
		});
		expect(headers["server-timing"]).toMatch(/^list;dur=\d+\.\d\d$/);
		expect(headers["content-type"]).toBe("application/json; charset=utf-8");
		expect(asked()).toHaveLength(before);
	});

	test("n, exclusions and tags are answered from it, repeated parameters or lists in a body", async () => {
		const before = asked().length;
		const get = async (query: string) => (await api.call("GET", `/users/u1/recommendations?${query}`)).body;
		expect(ids(await get("n=1"))).toEqual(["item/1"]);
		expect(ids(await get(`exclude=item%2F1&exclude=${encodeURIComponent("Ü 2")}`))).toEqual(["a"]);
		expect(ids(await get("anyTag=round"))).toEqual(["Ü 2", "a"]);
		expect(ids(await get("allTags=RED&allTags=round"))).toEqual(["Ü 2"]);
		expect(ids(await get("noTag=Red"))).toEqual(["a"]);
		expect(await get("noTag=Blue&exclude=nowhere")).toMatchObject({
			answeredBy: "list",
			unknownTags: ["Blue"],
			unknownItems: ["nowhere"],
		});
		const { body } = await api.call("POST", "/users/u1/recommendations", {
			exclude: ["a"],
			filter: { anyTag: ["Red"] },
		});
		expect([ids(body), body.answeredBy]).toEqual([["item/1", "Ü 2"], "list"]);
		expect(asked()).toHaveLength(before);
	});

	test("a strong ETag of deployment and question: 304 as long as both are the same", async () => {
		const first = await api.call("GET", "/users/u1/recommendations?n=2");
		const etag = String(first.headers.etag);
		expect(etag).toMatch(/^"[^"]+"$/);
		const again = (query: string, tag: string) =>
			api.call("GET", `/users/u1/recommendations?${query}`, undefined, { "if-none-match": tag });
		const { status, body, headers } = await again("n=2", `"other", W/${etag}`);
		expect([status, body, headers.etag]).toEqual([304, "", etag]);
		for (const other of ["n=3", "n=2&exclude=a"]) expect((await again(other, etag)).status).toBe(200);
		expect((await api.call("GET", "/users/u2/recommendations?n=2")).headers.etag).not.toBe(etag);
		await api.call("PUT", "/deployments/default/hidden", { items: ["item/1"] });
		const hidden = await again("n=2", etag);
		expect([hidden.status, ids(hidden.body)]).toEqual([200, ["Ü 2", "a"]]);
		await api.call("PUT", "/deployments/default/hidden", { items: [] });
		await deploy("default", checkpoint);
		expect((await again("n=2", etag)).status).toBe(200);
	});

	test("concurrent first questions are asked once, and the list is there for the next", async () => {
		api.recommender.warms = false;
		api.recommender.recommendTakes = 100;
		const other = await api.checkpoint((await api.experiment(["SUCCEEDED"])).runs[0] as string);
		await deploy("cold", other);
		const before = asked().length;
		const ask = () => api.call("GET", "/users/u2/recommendations?deployment=cold");
		const replies = await Promise.all([ask(), ask(), ask()]);
		expect(asked()).toHaveLength(before + 1);
		for (const { status, headers, body } of replies) {
			expect([status, body.answeredBy, headers.etag]).toEqual([200, "live", undefined]);
			expect(headers["server-timing"]).toMatch(/^live;dur=[\d.]+, compute;dur=4\.00$/);
			expect(body.items).toEqual(ITEMS);
		}
		await until("the list is there", async () => (await ask()).body.answeredBy === "list", 5);
		const { lists } = (await api.call("GET", "/deployments/cold/serving")).body;
		expect(lists).toMatchObject({ users: 1, total: WORLD.users.length, warm: false, depth: 200 });
		api.recommender.warms = true;
		await api.call("DELETE", "/deployments/cold");
	});

	test("hidden items hold in every tier, and are told by title", async () => {
		const { status, body } = await api.call("PUT", "/deployments/default/hidden", {
			items: ["Ü 2", "nowhere", "item/1", "Ü 2"],
		});
		expect([status, body]).toEqual([
			200,
			{
				items: [
					{ id: "Ü 2", title: null },
					{ id: "item/1", title: "First <img onerror=alert(1)>" },
				],
				unknown: ["nowhere"],
			},
		]);
		expect((await api.call("GET", "/deployments/default/hidden")).body).toEqual(body);
		expect((await api.call("GET", "/deployments/default")).body.hidden).toBe(3);
		const tiers = await Promise.all([
			api.call("GET", "/users/u1/recommendations"),
			api.call("POST", "/users/u1/recommendations", { candidates: ["a", "item/1"] }),
			api.call("GET", "/users/never-seen/recommendations?fallback=popular"),
		]);
		expect(tiers.map(({ body }) => [body.answeredBy, ids(body)])).toEqual([
			["list", ["a"]],
			["live", ["a"]],
			["popular", ["seen", "a"]],
		]);
		await api.call("PUT", "/deployments/default/hidden", { items: [] });
		expect(ids((await api.call("GET", "/users/u1/recommendations")).body)).toHaveLength(3);
	});
});

test.each(STRANGE)("user ids are the caller's own: %s", async (id) => {
	const url = `/users/${encodeURIComponent(id)}/recommendations`;
	const { status, body } = await api.call("GET", `${url}?n=1&excludeSeen=false`);
	expect([status, body.user, body.answeredBy]).toEqual([200, id, "live"]);
	expect(asked().at(-1)).toMatchObject({ who: { value: id }, n: 1, excludeSeen: false });
	const list = await api.call("GET", url);
	expect([list.body.user, list.body.answeredBy]).toEqual([id, "list"]);
	expect((await api.call("GET", `/items/${encodeURIComponent(id)}/similar`)).body.item).toBe(id);
});

test("from a named checkpoint, live; an empty one means the deployment's", async () => {
	const other = (await api.experiment(["SUCCEEDED"])).runs[0] as string;
	const id = await api.checkpoint(other);
	const { body } = await api.call("GET", `/users/u1/recommendations?checkpoint=${id}`);
	expect([body.checkpoint.runId, body.deployment, body.answeredBy]).toEqual([other, null, "live"]);
	const empty = await api.call("GET", "/users/u1/recommendations?n=20&deployment=default&checkpoint=&excludeSeen=true");
	expect([empty.status, empty.body.checkpoint.id]).toEqual([200, checkpoint]);
	expect((await api.call("GET", `/users/u1/recommendations?checkpoint=${randomUUID()}`)).status).toBe(404);
	expect((await api.call("GET", "/users/u1/recommendations?deployment=none")).body.code).toBe("nothing_deployed");
});

describe("the live tier", () => {
	test("for a person never seen", async () => {
		const { status, body } = await api.call("POST", "/recommendations", { items: ["a", "b"], n: 1, exclude: ["z"] });
		expect(status).toBe(200);
		expect(body).toMatchObject({
			user: null,
			unknownItems: ["never heard of"],
			answeredBy: "live",
			checkpoint: answered(),
			deployment: "default",
		});
		expect(body.items).toHaveLength(1);
		const who = { $case: "history", value: { items: ["a", "b"] } };
		expect(asked().at(-1)).toMatchObject({ who, n: 1, exclude: ["z"], packed: true, excludeSeen: true });
	});

	test("every way of steering reaches the model, and what it did is in the answer", async () => {
		const steering = {
			steer: [{ interest: 1, weight: 0.5 }],
			without: ["seen"],
			with: ["a"],
			calibrate: 0.5,
			shelves: true,
			preview: true,
			filter: { anyTag: ["Red"], noTag: ["Blue"] },
		};
		const { status, body } = await api.call("POST", "/users/u1/recommendations", steering);
		expect(status).toBe(200);
		expect(asked().at(-1)).toMatchObject({
			steer: steering.steer,
			without: ["seen"],
			with: ["a"],
			calibrate: 0.5,
			shelves: true,
			preview: true,
			filter: { any: ["Red"], all: [], none: ["Blue"] },
		});
		expect(body).toMatchObject({
			answeredBy: "live",
			steering: { weights: [1, 0.5], kept: false, dropped: [] },
			shelves: [{ interest: 1, label: "First <img onerror=alert(1)>", items: [ITEMS[0]] }],
			preview: {
				entered: [{ id: "item/1", title: "First <img onerror=alert(1)>", interest: 1 }],
				left: [{ id: "a", title: "A", interest: 0 }],
			},
		});
		const only = await api.call("POST", "/recommendations", { items: ["a"], only: 0 });
		expect([asked().at(-1)?.only, only.body.steering.weights]).toEqual([0, [1, 0]]);
	});

	test.each([
		["FAILED_PRECONDITION", "fold_in_unsupported", 422],
		["FAILED_PRECONDITION", "steering_unsupported", 422],
		["INVALID_ARGUMENT", "no_known_items", 422],
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

	test("a place in a list is told as a pointer", async () => {
		api.recommender.refuse = refusal(
			"INVALID_ARGUMENT",
			"invalid_request",
			"interest 7 is not there",
			"steer[1].interest",
		);
		const { status, body } = await api.call("POST", "/users/u1/recommendations", {
			steer: [
				{ interest: 0, weight: 1 },
				{ interest: 7, weight: 1 },
			],
		});
		expect([status, body.errors[0].pointer]).toEqual([400, "/steer/1/interest"]);
	});
});

describe("the popular tier", () => {
	const stranger = "/users/never-seen/recommendations";
	test("only where it is asked for, by the request or the deployment; filters and exclusions hold", async () => {
		for (const url of [stranger, `/users/${UNKNOWN_USER}/interests`]) {
			const { status, body } = await api.call("GET", url);
			expect([status, body.code, body.errors[0].pointer]).toEqual([404, "unknown_user", "/params/id"]);
		}
		const { body } = await api.call("GET", `${stranger}?fallback=popular&n=2`);
		expect(body).toEqual({
			user: "never-seen",
			items: [
				{ id: "Ü 2", title: null, score: 9, interestShares: [], because: [] },
				{ id: "seen", title: "Seen before", score: 4, interestShares: [], because: [] },
			],
			answeredBy: "popular",
			recommendationId: null,
			checkpoint: answered(),
			deployment: "default",
			interests: 0,
		});
		const picky = await api.call("GET", `${stranger}?fallback=popular&noTag=Round&exclude=seen`);
		expect(ids(picky.body)).toEqual(["item/1"]);
		const changed = await api.call("PUT", "/deployments/default/fallback", { fallback: "popular" });
		expect([changed.status, changed.body.fallback]).toEqual([200, "popular"]);
		expect((await api.call("GET", stranger)).body.answeredBy).toBe("popular");
		expect((await api.call("GET", `${stranger}?fallback=none`)).status).toBe(404);
		await deploy("default", checkpoint);
		expect((await api.call("GET", stranger)).body.answeredBy).toBe("popular");
		await api.call("PUT", "/deployments/default", { checkpoint, fallback: "none" });
		expect((await api.call("GET", stranger)).status).toBe(404);
	});

	test("also for a guest of whom no item is known", async () => {
		api.recommender.refuse = refusal("INVALID_ARGUMENT", "no_known_items", "none is known", "history.items");
		const { body } = await api.call("POST", "/recommendations", { items: ["seen", "b"], fallback: "popular" });
		expect([body.answeredBy, ids(body)]).toEqual(["popular", ["Ü 2", "item/1", "a"]]);
	});
});

describe("many at once", () => {
	test("one result a user, errors in their place, lists that are not there computed together", async () => {
		api.recommender.warms = false;
		const other = await api.checkpoint((await api.experiment(["SUCCEEDED"])).runs[0] as string);
		await deploy("batch", other);
		const users = ["u1", UNKNOWN_USER, "u2", "u1"];
		const ask = (more: object) =>
			api.call("POST", "/recommendations/batch", { users, n: 2, deployment: "batch", ...more });
		const before = api.recommender.requests.lists.length;
		const { status, body } = await ask({ exclude: ["item/1"] });
		expect(status).toBe(200);
		const found = (user: string, answeredBy: string) => ({
			user,
			items: ITEMS.slice(1),
			answeredBy,
			recommendationId: null,
			unknownItems: [],
		});
		const error = { code: "unknown_user", message: expect.stringContaining("no such user") };
		expect(body.users).toEqual([
			found("u1", "live"),
			{ user: UNKNOWN_USER, error },
			found("u2", "live"),
			found("u1", "live"),
		]);
		expect(body).toMatchObject({ deployment: "batch", interests: 2, checkpoint: { id: other } });
		expect(api.recommender.requests.lists.slice(before).map(({ rows }) => rows)).toEqual([[0, 1]]);
		expect((await ask({})).body.users.map((one: { answeredBy?: string }) => one.answeredBy)).toEqual([
			"list",
			undefined,
			"list",
			"list",
		]);
		expect((await ask({ fallback: "popular" })).body.users[1].answeredBy).toBe("popular");
		api.recommender.warms = true;
	});
});
