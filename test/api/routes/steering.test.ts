// What a person asked for is kept: it holds in every answer, follows its interests to a new checkpoint, and ends with its time.

import { buildApp } from "../../../services/api/src/app.js";
import { startApi, type TestApi } from "../../support/api.js";
import { UNKNOWN_USER, WORLD } from "../../support/fake-recommender.js";
import { until } from "../../support/processes.js";

let api: TestApi;
const checkpoints: string[] = [];
const keys: string[] = [];
const deploy = (checkpoint: string) => api.call("PUT", "/deployments/default", { checkpoint });
const keep = (body: object, user = "u1") => api.call("PUT", `/users/${user}/steering`, body);
const datasetOf = async (id: string) => {
	const { run } = await api.app.prisma.checkpoint.findUniqueOrThrow({ where: { id }, include: { run: true } });
	return run.datasetId;
};
const ask = (user = "u1") => api.call("GET", `/users/${user}/recommendations`);
beforeAll(async () => {
	api = await startApi();
	for (let count = 0; count < 2; count++) {
		const { runs } = await api.experiment(["SUCCEEDED"]);
		const checkpoint = await api.checkpoint(runs[0] as string);
		checkpoints.push(checkpoint);
		keys.push((await api.app.prisma.checkpoint.findUniqueOrThrow({ where: { id: checkpoint } })).key);
	}
	const shares = (a: [number, number], b: [number, number]) => [
		{ id: "seen", title: "Seen before", interestShares: a },
		{ id: "a", title: "A", interestShares: b },
	];
	// The second checkpoint has the same two interests under each other's number.
	api.recommender.history = (key) => (key === keys[0] ? shares([0.9, 0.1], [0.2, 0.8]) : shares([0.3, 0.7], [1, 0]));
	await deploy(checkpoints[0] as string);
	await until("warm", async () => (await ask()).body.answeredBy === "list", 10);
});
afterAll(() => api.close());

test("kept with the items that describe each interest, it holds in lists and batches until undone", async () => {
	expect((await api.call("GET", "/users/u1/steering")).status).toBe(404);
	const plain = await ask();
	const { status, body } = await keep({ steer: [{ interest: 0, weight: 0 }] });
	expect([status, body]).toEqual([
		200,
		{
			deployment: "default",
			user: "u1",
			steer: [{ interest: 0, weight: 0, items: [{ id: "seen", title: "Seen before" }] }],
			until: null,
			updatedAt: expect.any(String),
		},
	]);
	expect((await api.call("GET", "/users/u1/steering")).body).toEqual(body);
	const steered = await api.call("GET", "/users/u1/recommendations", undefined, {
		"if-none-match": String(plain.headers.etag),
	});
	const steering = { weights: [0, 1], kept: true, dropped: [] };
	expect([steered.status, steered.body.answeredBy, steered.body.steering]).toEqual([200, "live", steering]);
	const batch = await api.call("POST", "/recommendations/batch", { users: ["u1", "u2"] });
	expect(batch.body.users.map((one: { steering?: object }) => one.steering)).toEqual([steering, undefined]);
	// What is asked now stands in its place, and others are not concerned.
	const now = await api.call("POST", "/users/u1/recommendations", { steer: [{ interest: 1, weight: 2 }] });
	expect(now.body.steering).toEqual({ weights: [1, 2], kept: false, dropped: [] });
	expect((await ask("u2")).body.answeredBy).toBe("list");
	expect((await api.call("DELETE", "/users/u1/steering")).status).toBe(204);
	expect((await api.call("DELETE", "/users/u1/steering")).status).toBe(404);
	expect((await ask()).body).toEqual(plain.body);
});

test("under a new checkpoint interests are found again by their items; what no longer matches is dropped and said", async () => {
	await keep({
		steer: [
			{ interest: 0, weight: 0.5 },
			{ interest: 1, weight: 2 },
		],
	});
	await deploy(checkpoints[1] as string);
	expect((await ask()).body.steering).toEqual({ weights: [2, 0.5], kept: true, dropped: [] });
	const asked = api.recommender.requests.interests.length;
	await ask();
	expect(api.recommender.requests.interests).toHaveLength(asked); // found once
	// Not for good: the history may have lacked rows while the database was away.
	const later = Date.now() + 61_000;
	const clock = jest.spyOn(Date, "now").mockImplementation(() => later);
	await ask().finally(() => clock.mockRestore());
	expect(api.recommender.requests.interests).toHaveLength(asked + 1);
	await deploy(checkpoints[0] as string);
	api.recommender.history = () => [{ id: "seen", title: "Seen before", interestShares: [0.45, 0.55] }];
	await deploy(checkpoints[1] as string);
	await keep({ steer: [{ interest: 1, weight: 2 }] });
	api.recommender.history = () => [{ id: "another", title: "", interestShares: [1, 0] }];
	await deploy(checkpoints[0] as string);
	const { steering } = (await ask()).body;
	expect(steering).toEqual({
		weights: [],
		kept: true,
		dropped: [{ weight: 2, items: [{ id: "seen", title: "Seen before" }] }],
	});
	await api.call("DELETE", "/users/u1/steering");
});

test("it ends with its time, and with its deployment", async () => {
	api.recommender.history = () => [{ id: "seen", title: "Seen before", interestShares: [1, 0] }];
	const soon = new Date(Date.now() + 1_500).toISOString();
	expect((await keep({ steer: [{ interest: 0, weight: 2 }], until: soon })).body.until).toBe(soon);
	expect((await ask()).body.steering.kept).toBe(true);
	await until("its time is over", async () => (await ask()).body.answeredBy === "list", 5);
	expect((await api.call("GET", "/users/u1/steering")).status).toBe(404);
	await keep({ steer: [{ interest: 0, weight: 2 }] });
	await api.call("DELETE", "/deployments/default");
	await deploy(checkpoints[0] as string);
	expect((await ask()).body.steering).toBeUndefined();
});

test("other processes follow, also those that start later", async () => {
	const other = await buildApp(api.app.config, "routes");
	try {
		await other.ready();
		const its = async () => (await other.inject({ url: "/users/u2/recommendations" })).json().steering?.weights;
		expect(await its()).toBeUndefined();
		await keep({ steer: [{ interest: 1, weight: 3 }] }, "u2");
		await until("the other process follows", async () => (await its())?.[1] === 3, 5);
		const late = await buildApp(api.app.config, "routes");
		await late.ready();
		expect((await late.inject({ url: "/users/u2/recommendations" })).json().steering.weights).toEqual([1, 3]);
		await late.close();
		await api.call("DELETE", "/users/u2/steering");
		await until("the other process follows", async () => (await its()) === undefined, 5);
	} finally {
		await other.close();
	}
});

test("what cannot be kept is refused by name", async () => {
	const one = { interest: 0, weight: 0 };
	const cases = [
		[{ steer: [{ interest: 2, weight: 1 }] }, 400, "/steer/0/interest"],
		[{ steer: [one, one] }, 400, "/steer/1/interest"],
		[{ steer: [one, { interest: 1, weight: 0 }] }, 422, "/steer"],
		[{ steer: [one], until: "2020-01-01T00:00:00Z" }, 400, "/until"],
	] as const;
	for (const [payload, expected, pointer] of cases) {
		const { status, body } = await keep(payload);
		expect([status, body.errors[0].pointer]).toEqual([expected, pointer]);
	}
	expect((await keep({ steer: [one] }, UNKNOWN_USER)).status).toBe(404);
	const elsewhere = await api.call("PUT", "/users/u1/steering?deployment=none", { steer: [one] });
	expect(elsewhere.body.code).toBe("nothing_deployed");
	expect((await api.call("GET", "/users/u1/steering")).status).toBe(404);
});

test("of a deleted dataset stays what the deployment's present dataset knows", async () => {
	const steer = [{ interest: 0, weight: 2 }];
	const old = await datasetOf(checkpoints[0] as string);
	const { runs } = await api.experiment(["SUCCEEDED"]);
	const next = await api.checkpoint(runs[0] as string);
	api.recommender.world = (key) => (key.includes(runs[0] as string) ? { ...WORLD, users: ["u1"] } : WORLD);
	for (const user of ["u1", "u2"]) expect((await keep({ steer }, user)).status).toBe(200);
	await deploy(next);
	expect((await api.call("DELETE", `/datasets/${old}?withExperiments=true`)).status).toBe(204);
	expect((await api.call("GET", "/users/u1/steering")).body.steer).toMatchObject([{ weight: 2 }]);
	expect((await api.call("GET", "/users/u2/steering")).status).toBe(404);
	const rows = await api.app.prisma.steering.findMany();
	expect(rows.map(({ user, datasetId }) => [user, datasetId === old])).toEqual([["u1", false]]);
	await api.call("DELETE", "/users/u1/steering");
});
