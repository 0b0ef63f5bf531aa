// Whether people take what is recommended: an answer has an id, an interaction may name it, and what was taken is counted.
import { startApi, type TestApi } from "../../support/api.js";
import { STRANGE } from "../../support/fake-recommender.js";
import { until } from "../../support/processes.js";

let api: TestApi;
let checkpoint: string;
let last = 0;
beforeAll(async () => {
	api = await startApi({ TIMING_SCALE: "1" });
	checkpoint = await api.checkpoint((await api.experiment(["SUCCEEDED"])).runs[0] as string);
});
afterAll(() => api.close());

/** A deployment and a feed of the test's own, of one name. */
async function served(of = api): Promise<string> {
	const name = `shop-${++last}`;
	await of.call("PUT", `/feeds/${name}`);
	const { status } = await of.call("PUT", `/deployments/${name}`, { checkpoint, feed: name });
	expect(status).toBe(200);
	await until("warm", async () => (await of.call("GET", `/deployments/${name}/serving`)).body.lists.warm, 10);
	return name;
}
const ask = async (name: string, user: string, query = "", headers = {}) =>
	api.call("GET", `/users/${encodeURIComponent(user)}/recommendations?deployment=${name}${query}`, undefined, headers);
const idFor = async (name: string, user: string, query = ""): Promise<string> =>
	(await ask(name, user, query)).body.recommendationId;
const send = async (feed: string, ...rows: object[]) =>
	(await api.call("POST", `/feeds/${feed}/interactions`, rows)).body;
const outcomes = async (name: string, query = "") =>
	(await api.call("GET", `/deployments/${name}/outcomes${query}`)).body;
const rows = async (name: string) => {
	await api.app.outcomes.flush();
	return api.app.prisma.answer.findMany({ where: { deploymentName: name }, orderBy: { id: "asc" } });
};
/** As if everything under the name had been answered so many hours earlier, and what was done as well. */
async function earlier(name: string, hours: number): Promise<void> {
	await api.app.outcomes.flush();
	const { prisma } = api.app;
	await prisma.$executeRaw`UPDATE answers SET at = at - ${hours} * interval '1 hour' WHERE deployment_name = ${name}`;
	await prisma.$executeRaw`UPDATE answer_hours SET hour = hour - ${hours} * interval '1 hour' WHERE deployment_name = ${name}`;
	await prisma.$executeRaw`
		UPDATE feed_interactions SET at = at - ${hours} * interval '1 hour' WHERE feed_id = (SELECT id FROM feeds WHERE name = ${name})`;
}

describe("an answer's id", () => {
	test("is another one each time, of every route and tier, and has nothing to do with the ETag", async () => {
		const name = await served();
		const first = await ask(name, "u1");
		const second = await ask(name, "u1");
		expect(first.body.recommendationId).toMatch(/^[\w-]{16}$/);
		expect(second.headers.etag).toBe(first.headers.etag);
		expect({ ...second.body, recommendationId: "" }).toEqual({ ...first.body, recommendationId: "" });
		const known = await ask(name, "u1", "", { "if-none-match": String(first.headers.etag) });
		expect([known.status, known.body]).toEqual([304, ""]);
		const one = await api.call("POST", "/users/u2/recommendations", { deployment: name, n: 2 });
		const items = await api.call("POST", "/recommendations", { deployment: name, items: ["seen"] });
		const popular = await ask(name, "who?", "&fallback=popular");
		const batch = await api.call("POST", "/recommendations/batch", { deployment: name, users: ["u1", "u2", "who?"] });
		expect(batch.body.users[2].error.code).toBe("unknown_user");
		const bodies = [first.body, second.body, one.body, items.body, popular.body, ...batch.body.users.slice(0, 2)];
		const ids = bodies.map(({ recommendationId }) => recommendationId);
		expect(new Set(ids).size).toBe(7);
		const recorded = await rows(name);
		expect(recorded.map(({ id }) => id)).toEqual([...ids].sort());
		const told = recorded.map(({ userId, tier, items: { length } }) => [userId, tier, length]);
		expect(told).toContainEqual(["who?", "popular", 4]);
		expect(told).toContainEqual([null, "live", 3]);
		expect(told).toContainEqual(["u2", "list", 2]);
	});

	test("null where nothing is recorded: not asked for, without a feed, of a checkpoint by its id", async () => {
		const name = await served();
		expect(await idFor(name, "u1", "&record=false")).toBeNull();
		expect(await idFor(name, "u1", `&checkpoint=${checkpoint}`)).toBeNull();
		const batch = await api.call("POST", "/recommendations/batch", { deployment: name, users: ["u1"], record: false });
		expect(batch.body.users[0].recommendationId).toBeNull();
		await api.call("PUT", `/deployments/${name}`, { checkpoint, feed: null });
		expect(await idFor(name, "u1")).toBeNull();
		expect(await outcomes(name)).toMatchObject({
			recording: "no_feed",
			answered: 0,
			recordedShare: null,
			unmatched: 0,
		});
		expect(await rows(name)).toEqual([]);
	});
});

describe("outcomes", () => {
	test("what was taken, once an answer, by day, checkpoint and tier, with intervals; what is young is open", async () => {
		const name = await served();
		const [taken, twice, foreign] = [await idFor(name, "u1"), await idFor(name, "u2"), await idFor(name, "u3")];
		await idFor(name, "u3");
		// Who moves is answered live from then on.
		const sent = [
			{ user: "u1", item: "Ü 2", recommendationId: taken, id: "one" },
			{ user: "u1", item: "Ü 2", recommendationId: taken, id: "one" },
			{ user: "u1", item: "Ü 2", recommendationId: taken, at: Date.now() - 5 },
			{ user: "u2", item: "item/1", recommendationId: twice },
			{ user: "u2", item: "a", recommendationId: twice },
			// An item that was not shown, another person's answer, and none at all.
			{ user: "u3", item: "elsewhere", recommendationId: foreign },
			{ user: "somebody", item: "a", recommendationId: foreign },
			{ user: "u3", item: "a", recommendationId: "A".repeat(16), at: Date.now() - 1_000 },
			{ user: "u3", item: "a" },
		];
		expect(await send(name, ...sent)).toMatchObject({ refused: 0, known: 1 });
		const items = (await api.call("GET", `/feeds/${name}/interactions?user=u1`)).body.items;
		expect(items.map(({ recommendationId }: { recommendationId: string }) => recommendationId)).toEqual([taken, taken]);
		const live = await ask(name, "u1");
		expect(live.body.answeredBy).toBe("live");
		const open = await outcomes(name);
		expect(open).toMatchObject({ recording: "on", withinHours: 24, answered: 5, recordedShare: 1, unmatched: 3 });
		const nothing = { share: null, shareInterval: null, meanRank: null, meanRankInterval: null };
		expect(open.total).toEqual({ answers: 0, open: 5, taken: 0, ...nothing });

		await earlier(name, 48);
		const { total, days, checkpoints, tiers, unmatched } = await outcomes(name);
		expect(total).toMatchObject({ answers: 5, open: 0, taken: 2, share: 0.4, meanRank: 2 });
		expect(unmatched).toBe(3);
		// Wilson's interval of 2 of 5, as R's binom.confint gives it; ranks 2, 1 and 3: 2 ± 4.303 / √3.
		expect(total.shareInterval.low).toBeCloseTo(0.1176, 4);
		expect(total.shareInterval.high).toBeCloseTo(0.7693, 4);
		expect(total.meanRankInterval.high).toBeCloseTo(2 + 4.303 / Math.sqrt(3), 1);
		expect(days).toEqual([{ day: new Date(Date.now() - 48 * 3_600_000).toISOString().slice(0, 10), ...total }]);
		expect(checkpoints).toMatchObject([{ checkpoint: { id: checkpoint, model: "valid", epoch: 2 }, ...total, days }]);
		expect(tiers).toMatchObject([
			{ tier: "list", answers: 4, taken: 2, share: 0.5 },
			{ tier: "live", answers: 1, taken: 0, share: 0 },
		]);
		expect((await outcomes(name, "?days=1")).answered).toBe(0);
	});

	test("the window: what is done after it is not its outcome, and takes no longer answers in", async () => {
		const name = await served();
		const id = await idFor(name, "u1");
		await earlier(name, 30);
		await send(name, { user: "u1", item: "a", at: Date.now() - 3 * 3_600_000, recommendationId: id });
		expect((await outcomes(name)).total).toMatchObject({ answers: 1, taken: 0 });
		expect((await outcomes(name, "?withinHours=28")).total).toMatchObject({ answers: 1, taken: 1 });
		expect((await outcomes(name, "?withinHours=168")).total).toMatchObject({ answers: 0, open: 1 });
		expect((await outcomes(name)).unmatched).toBe(0);
	});

	test("the window: what was done before an answer did not come of it, but clocks may differ by minutes", async () => {
		const name = await served();
		const [early, behind] = [await idFor(name, "u1"), await idFor(name, "u2")];
		await send(name, { user: "u1", item: "a", at: Date.now() - 6 * 60_000, recommendationId: early });
		await send(name, { user: "u2", item: "a", at: Date.now() - 4 * 60_000, recommendationId: behind });
		await earlier(name, 30);
		expect((await outcomes(name)).total).toMatchObject({ answers: 2, taken: 1 });
	});

	test("rows that are taken back count no longer; deployments of one feed are told apart", async () => {
		const name = await served();
		const other = `${name}-other`;
		await api.call("PUT", `/deployments/${other}`, { checkpoint, feed: name });
		const id = await idFor(name, "u1");
		await idFor(other, "u1");
		await send(name, { user: "u1", item: "a", recommendationId: id });
		await earlier(name, 48);
		expect((await outcomes(name)).total.taken).toBe(1);
		expect(await outcomes(other)).toMatchObject({ answered: 1, unmatched: 0, total: { taken: 0 } });
		await api.call("POST", `/feeds/${name}/interactions/remove`, { interactions: [{ user: "u1", item: "a" }] });
		expect((await outcomes(name)).total).toMatchObject({ answers: 1, taken: 0 });
		// The name's answers outlive it.
		await api.call("DELETE", `/deployments/${name}`);
		expect(await outcomes(name)).toMatchObject({ recording: "no_feed", total: { answers: 1 } });
	});

	test("fresh items and ids of any kind are found again", async () => {
		const name = await served();
		const strange = STRANGE[1] as string;
		api.recommender.history = () => ["item/1", "Ü 2"].map((id) => ({ id, title: id, interestShares: [1, 0] }));
		await api.call("PUT", `/feeds/${name}/items`, { items: [{ item: "new ✨", tags: ["Red"] }] });
		await until(
			"it is known",
			async () => {
				const { body } = await ask(name, strange, "&fresh=1");
				return body.fresh?.mixed === 1;
			},
			10,
		);
		const { body } = await ask(name, strange, "&fresh=1");
		const rank = body.items.findIndex(({ id }: { id: string }) => id === "new ✨") + 1;
		await send(name, { user: strange, item: "new ✨", recommendationId: body.recommendationId });
		await earlier(name, 48);
		expect((await outcomes(name)).total).toMatchObject({ taken: 1, meanRank: rank });
	});
});

describe("erased", () => {
	test("a person is in no outcome any more, whether written yet or not", async () => {
		const name = await served();
		const id = await idFor(name, "u1");
		await rows(name);
		await idFor(name, "u1");
		await idFor(name, "u2");
		await send(name, { user: "u1", item: "a", recommendationId: id });
		const erase = () => api.call("DELETE", `/feeds/${name}/users/u1`);
		expect((await erase()).body.interactions).toBe(1);
		expect((await rows(name)).map(({ userId }) => userId)).toEqual(["u2"]);
		await earlier(name, 48);
		expect(await outcomes(name)).toMatchObject({ unmatched: 0, total: { answers: 1, taken: 0 } });
		// Known to no feed, only to the dataset.
		await idFor(name, "u3");
		await api.call("DELETE", `/feeds/${name}/users/u3`);
		expect((await rows(name)).map(({ userId }) => userId)).toEqual(["u2"]);
		// Who is asked about is not named, who comes back is.
		await idFor(name, "u1", "&fallback=popular");
		expect((await rows(name)).map(({ userId }) => userId)).toEqual(["u2", null]);
		// An answer that was under way while they were erased.
		const deployed = api.app.deployments.all().find((one) => one.name === name) ?? null;
		api.app.outcomes.note(deployed, "u1", "list", () => [1]);
		expect((await rows(name)).map(({ userId }) => userId)).toEqual(["u2", null, null]);
		await send(name, { user: "u1", item: "a" });
		await idFor(name, "u1");
		expect((await rows(name)).map(({ userId }) => userId)).toEqual(["u2", null, null, "u1"]);
	});

	test("elsewhere: what this process has not written yet of the feed is not written", async () => {
		const [name, quiet] = [await served(), await served()];
		await api.app.outcomes.flush();
		await idFor(name, "u2");
		await idFor(quiet, "u2");
		await api.app.prisma.$transaction(async (tx) => {
			const feed = await tx.feed.findUniqueOrThrow({ where: { name } });
			// As another process does it, which cannot reach into this one's memory.
			await api.app.outcomes.erase(tx, feed.id, "u2");
		});
		expect([await rows(name), (await rows(quiet)).length]).toEqual([[], 1]);
		expect(await outcomes(name)).toMatchObject({ answered: 1, recordedShare: 0 });
		await idFor(name, "u2");
		expect(await rows(name)).toHaveLength(1);
	});

	test("with a feed go the answers that were about it", async () => {
		const name = await served();
		await idFor(name, "u1");
		await rows(name);
		await api.call("PUT", `/deployments/${name}`, { checkpoint, feed: null });
		expect((await api.call("DELETE", `/feeds/${name}`)).status).toBe(204);
		expect([await rows(name), (await outcomes(name)).total.open]).toEqual([[], 0]);
	});
});

describe("bad input", () => {
	test.each([
		["days=0", "/query/days"],
		["days=31", "/query/days"],
		["days=x", "/query/days"],
		["withinHours=0", "/query/withinHours"],
		["withinHours=169", "/query/withinHours"],
		["withinHours=1.5", "/query/withinHours"],
		["by=day", "/query/by"],
	])("%s is refused by its name", async (query, pointer) => {
		const { status, body } = await api.call("GET", `/deployments/default/outcomes?${query}`);
		expect([status, body.errors[0].pointer]).toEqual([400, pointer]);
	});
	test("a name under which nothing was ever deployed", async () => {
		expect((await api.call("GET", "/deployments/nowhere/outcomes")).status).toBe(404);
	});
	test.each([7, "", "short", "x".repeat(17), "has blanks in it", null])(
		"recommendationId %j is a row's problem",
		async (id) => {
			const name = `bad-${++last}`;
			await api.call("PUT", `/feeds/${name}`);
			const good = { user: "u1", item: "a" };
			const answer = await send(name, { ...good, recommendationId: id }, good);
			expect(answer).toMatchObject({ added: 1, refused: 1, problems: [{ position: 1, field: "recommendationId" }] });
		},
	);
	test.each(["no", 1, null])("record %j", async (record) => {
		const { status, body } = await api.call("POST", "/recommendations", { items: ["a"], record });
		expect([status, body.errors[0].pointer]).toEqual([400, "/record"]);
	});
});
