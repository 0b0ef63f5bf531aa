// A user's interests as the test of a run saw them: nothing need be deployed.
import { randomUUID } from "node:crypto";
import { startApi, type TestApi } from "../../support/api.js";
import { STRANGE, UNKNOWN_USER, WORLD } from "../../support/fake-recommender.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());
beforeEach(() => {
	api.recommender.requests.interests.length = 0;
	api.recommender.world = () => WORLD;
	api.recommender.met = [];
	api.recommender.history = () => [
		{ id: "seen", title: "Seen before", interestShares: [0.25, 0.75] },
		{ id: "Ü 2", title: "", interestShares: [0.5, 0.5] },
	];
});

const runOf = async (state: "SUCCEEDED" | "FAILED" | "RUNNING" | "QUEUED" = "SUCCEEDED", model = "valid") =>
	(await api.experiment([state], { model })).runs[0] as string;
const ask = (run: string, user = "u1", query = "") =>
	api.call("GET", `/runs/${run}/users/${encodeURIComponent(user)}/interests${query}`);

test("history by interest, and top items with what was held back of them", async () => {
	const run = await runOf();
	api.recommender.met = [
		{ id: "a", title: "A", part: "test" },
		{ id: "a", title: "A", part: "valid" },
		{ id: "item/1", title: "First", part: "valid" },
		{ id: "seen", title: "Seen before", part: "train" },
	];
	const { status, body } = await ask(run, "u1", "?n=3");
	expect(status).toBe(200);
	expect(body).toEqual({
		user: "u1",
		checkpoint: { id: await api.checkpoint(run), runId: run, model: "valid", epoch: 2 },
		maskTest: "train",
		interests: [0, 1].map((index) => ({
			index,
			label: expect.any(String),
			weight: 1 - index,
			topItems: [{ id: "a", title: "A", tags: ["Round"], score: 2, interestShares: [0.25, 0.75], heldBack: "test" }],
		})),
		history: [
			{ id: "seen", title: "Seen before", tags: [], interestShares: [0.25, 0.75], interest: 1 },
			{ id: "Ü 2", title: null, tags: ["Red", "Round"], interestShares: [0.5, 0.5], interest: 0 },
		],
		historyTotal: 2,
		heldBack: [
			{ id: "a", title: "A", tags: ["Round"], part: "test" },
			{ id: "item/1", title: "First", tags: ["Red"], part: "valid" },
		],
	});
	expect(api.recommender.requests.interests).toEqual([
		expect.objectContaining({ n: 3, excludeSeen: false, maskTest: "train", whole: false, erased: false }),
	]);
});

test("what a linear path leaves to the interests makes 1 with its own share", async () => {
	api.recommender.world = () => ({ ...WORLD, linear: (column) => (column === 2 ? 0.6 : 0) });
	const { status, body } = await ask(await runOf("SUCCEEDED", "valiant"));
	expect(status).toBe(200);
	const [{ interestShares, linearShare }] = body.interests[1].topItems;
	expect([interestShares, linearShare]).toEqual([[expect.closeTo(0.1, 12), expect.closeTo(0.3, 12)], 0.6]);
	// No item of the history is ranked, so a path has no share of one.
	expect(body.history[0]).toMatchObject({ interestShares: [0.25, 0.75] });
	expect(body.history[0]).not.toHaveProperty("linearShare");
});

test("masks what the protocol of the run masks, and reads long histories to their end", async () => {
	const { id, runs } = await api.experiment(["SUCCEEDED"]);
	await api.app.prisma.experiment.update({ where: { id }, data: { maskTest: "train+valid" } });
	const row = (place: number, part: string) => ({ id: `i${place}`, title: "", part });
	api.recommender.met = [...Array.from({ length: 2_000 }, (_, place) => row(place, "train")), row(2_000, "test")];
	const { body } = await ask(runs[0] as string);
	expect([body.maskTest, body.heldBack]).toEqual([
		"train+valid",
		[{ id: "i2000", title: null, tags: [], part: "test" }],
	]);
	expect(api.recommender.requests.interests[0]?.maskTest).toBe("train+valid");
});

test("takes any id, and answers a run that failed after its best epoch", async () => {
	const run = await runOf("FAILED");
	for (const user of STRANGE) {
		const { status, body } = await ask(run, user);
		expect([user, status, body.user]).toEqual([user, 200, user]);
	}
});

test("refuses a model without interests, and names those with", async () => {
	api.recommender.world = () => ({ ...WORLD, interests: 0 });
	const { status, body } = await ask(await runOf("SUCCEEDED", "popularity"));
	expect([status, body.code]).toEqual([422, "steering_unsupported"]);
	expect(body.detail).toBe("popularity has no interests; these models have: valid.");
});

test("refuses who is unknown, and who was erased since", async () => {
	const dataset = await api.dataset();
	const run = (await api.experiment(["SUCCEEDED"], { dataset })).runs[0] as string;
	const unknown = await ask(run, UNKNOWN_USER);
	expect([unknown.status, unknown.body.code]).toEqual([404, "unknown_user"]);
	expect(unknown.body.errors).toEqual([
		{ pointer: "/params/user", code: "unknown_user", message: "is not known here" },
	]);
	expect(api.recommender.requests.interests).toEqual([]);

	await api.call("PUT", "/feeds/shop");
	const snapshot = { name: "shop", at: new Date().toISOString(), rows: 1, upTo: 0 };
	await api.app.prisma.dataset.update({ where: { id: dataset }, data: { feed: snapshot } });
	expect((await ask(run)).status).toBe(200);
	expect((await api.call("DELETE", "/feeds/shop/users/u1")).status).toBe(200);
	const erased = await ask(run);
	expect([erased.status, erased.body.code]).toEqual([404, "unknown_user"]);
	expect((await ask(run, "u2")).status).toBe(200);
});

test.each(["QUEUED", "RUNNING"] as const)("a run that is %s has no checkpoint that was tested", async (state) => {
	const { status, body } = await ask(await runOf(state));
	expect([status, body.code]).toEqual([409, "conflict"]);
	expect(body.detail).toContain(`The run is ${state}`);
});

test("without its checkpoint a run is refused, and so is a refit", async () => {
	const run = await runOf();
	const { prisma } = api.app;
	await prisma.checkpoint.deleteMany({ where: { runId: run } });
	expect((await ask(run)).body).toMatchObject({
		status: 409,
		code: "conflict",
		detail: expect.stringMatching(/never written/),
	});
	await prisma.run.update({ where: { id: run }, data: { checkpointsRemovedAt: new Date() } });
	expect((await ask(run)).body.detail).toMatch(/has been removed/);

	const [refit, tested] = [await runOf(), await runOf()];
	await prisma.run.update({ where: { id: refit }, data: { refitOfId: tested } });
	const { status, body } = await ask(refit);
	expect([status, body.code]).toEqual([409, "conflict"]);
	expect(body.detail).toContain(tested);
});

test("a wrong question is told its place", async () => {
	const run = await runOf();
	for (const [query, pointer] of [
		["?n=0", "/query/n"],
		["?n=101", "/query/n"],
		["?items=3", "/query/items"],
	]) {
		const { status, body } = await ask(run, "u1", query);
		expect([query, status, body.errors[0].pointer]).toEqual([query, 400, pointer]);
	}
	expect((await ask(randomUUID())).body).toMatchObject({ status: 404, code: "not_found" });
});
