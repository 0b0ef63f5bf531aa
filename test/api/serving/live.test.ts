// Served with today's history: what people do is in the next answer, in other processes within a second, and who is erased in none.
import { startApi, type TestApi } from "../../support/api.js";
import { STRANGE } from "../../support/fake-recommender.js";
import { refusal } from "../../support/grpc-server.js";
import { until } from "../../support/processes.js";

let api: TestApi;
let checkpoint: string;
let dataset: string;
beforeAll(async () => {
	api = await startApi();
	dataset = await api.dataset();
	checkpoint = await api.checkpoint((await api.experiment(["SUCCEEDED"], { dataset })).runs[0] as string);
});
afterAll(() => api.close());
afterEach(() => {
	api.recommender.refuse = null;
});

let last = 0;
/** A feed of the test's own, served as `default`. */
async function served(): Promise<string> {
	const name = `feed-${++last}`;
	await api.call("PUT", `/feeds/${name}`);
	const { status, body } = await api.call("PUT", "/deployments/default", { checkpoint, feed: name });
	expect([status, body.feed]).toEqual([200, name]);
	await until("warm", async () => (await api.call("GET", "/deployments/default/serving")).body.lists.warm, 10);
	return `/feeds/${name}`;
}
const AT = Date.parse("2026-11-01T12:00:00Z");
/** One row a second. */
const send = (feed: string, ...rows: [user: string, item: string][]) =>
	api.call(
		"POST",
		`${feed}/interactions`,
		rows.map(([user, item], index) => ({ user, item, at: AT + index * 1_000 })),
	);
const ask = (user: string, query = "", headers = {}) =>
	api.call("GET", `/users/${encodeURIComponent(user)}/recommendations${query}`, undefined, headers);
/** What the recommender was asked with last. */
const asked = () => {
	const { live, whole } = api.recommender.requests.recommend.at(-1) as { live: string[]; whole: boolean };
	return { live, whole };
};
const ids = (items: { id: string }[]) => items.map(({ id }) => id);

describe("which feed", () => {
	test("named, kept where nothing is said, taken away by null", async () => {
		await served();
		const kept = await api.call("PUT", "/deployments/default", { checkpoint });
		expect(kept.body.feed).toBe(`feed-${last}`);
		expect((await api.call("PUT", "/deployments/default", { checkpoint, feed: null })).body.feed).toBe(null);
		expect((await api.call("GET", "/deployments/default")).body.feed).toBe(null);
		await ask("u1", "?excludeSeen=false");
		expect(asked()).toEqual({ live: [], whole: false });
	});
	test.each([
		["nowhere", 404],
		["", 400],
		["A B", 400],
		[7, 400],
	])("%j is refused by its name", async (feed, status) => {
		const answer = await api.call("PUT", "/deployments/default", { checkpoint, feed });
		expect([answer.status, answer.body.errors[0].pointer]).toEqual([status, "/feed"]);
	});
	test("a feed that is served is not deleted", async () => {
		const feed = await served();
		const { status, body } = await api.call("DELETE", feed);
		expect([status, body.code]).toEqual([409, "conflict"]);
		expect(body.detail).toContain('served as "default"');
		await api.call("PUT", "/deployments/default", { checkpoint, feed: null });
		expect((await api.call("DELETE", feed)).status).toBe(204);
	});
});

describe("in the next answer", () => {
	test("who has not moved is looked up, by the whole history; who has is computed with what they met, newest last", async () => {
		const feed = await served();
		expect(api.recommender.requests.lists.at(-1)?.whole).toBe(true);
		expect((await ask("u1")).body.answeredBy).toBe("list");
		expect((await send(feed, ["u1", "a"], ["u1", "nobody knows it"], ["u1", "Ü 2"], ["u1", "a"])).status).toBe(200);
		const { status, body } = await ask("u1");
		expect([status, body.answeredBy]).toEqual([200, "live"]);
		expect(asked()).toEqual({ live: ["nobody knows it", "Ü 2", "a"], whole: true });
		expect((await ask("u2")).body.answeredBy).toBe("list");
	});

	test("an ETag ends when the person moves, and holds until they move again", async () => {
		const feed = await served();
		const before = (await ask("u1")).headers.etag as string;
		expect((await ask("u1", "", { "if-none-match": before })).status).toBe(304);
		await send(feed, ["u1", "a"]);
		const moved = await ask("u1", "", { "if-none-match": before });
		expect([moved.status, moved.body.answeredBy]).toEqual([200, "live"]);
		const now = moved.headers.etag as string;
		expect((await ask("u1", "", { "if-none-match": now })).status).toBe(304);
		await api.call("POST", `${feed}/interactions`, [{ user: "u1", item: "Ü 2" }]);
		expect((await ask("u1", "", { "if-none-match": now })).status).toBe(200);
	});

	test("rows that are taken back leave, and with the last of them the person has not moved", async () => {
		const feed = await served();
		await send(feed, ["u1", "a"], ["u1", "Ü 2"]);
		const remove = (item: string) =>
			api.call("POST", `${feed}/interactions/remove`, { interactions: [{ user: "u1", item }] });
		await remove("a");
		await ask("u1");
		expect(asked().live).toEqual(["Ü 2"]);
		await remove("Ü 2");
		expect((await ask("u1")).body.answeredBy).toBe("list");
	});

	test("of a snapshot of the feed, only what came after it counts", async () => {
		const feed = await served();
		await send(feed, ["u1", "a"], ["u2", "a"]);
		const [{ upTo }] = await api.app.prisma.$queryRaw<[{ upTo: number }]>`
			SELECT max(seq)::float8 AS "upTo" FROM feed_interactions`;
		const of = { name: feed.slice(7), at: new Date().toISOString(), rows: 2, upTo };
		await api.app.prisma.dataset.update({ where: { id: dataset }, data: { feed: of } });
		await api.call("PUT", "/deployments/default", { checkpoint });
		await send(feed, ["u2", "Ü 2"]);
		expect((await ask("u1")).body.answeredBy).toBe("list");
		await ask("u2");
		expect(asked().live).toEqual(["Ü 2"]);
		await api.app.prisma.dataset.update({ where: { id: dataset }, data: { feed: { ...of, name: "another" } } });
		await api.call("PUT", "/deployments/default", { checkpoint });
		await ask("u1");
		expect(asked().live).toEqual(["a"]);
	});

	test("known to the feed alone: folded in; erased: unknown at once, and named nowhere", async () => {
		const feed = await served();
		expect((await ask("newcomer")).status).toBe(404);
		await send(feed, ["newcomer", "a"], [STRANGE[0] as string, "a"]);
		expect((await ask("newcomer")).body).toMatchObject({ user: "newcomer", answeredBy: "live" });
		expect(asked()).toEqual({ live: ["a"], whole: true });
		const seen = await api.call("GET", "/users/newcomer");
		expect(seen.body).toMatchObject({ id: "newcomer", inDataset: false, interactions: 0, liveTotal: 1 });
		await api.call("DELETE", `${feed}/users/newcomer`);
		expect((await ask("newcomer")).body.code).toBe("unknown_user");
		expect((await api.call("GET", "/users/newcomer")).body.code).toBe("unknown_user");
		expect((await ask("newcomer", "?fallback=popular")).body.answeredBy).toBe("popular");
	});

	test("a model that cannot fold in: as an unknown user, what everybody likes without what they have met", async () => {
		const feed = await served();
		await send(feed, ["newcomer", "Ü 2"]);
		api.recommender.refuse = refusal("NOT_FOUND", "unknown_user", "the dataset has no such user", "user");
		expect((await ask("newcomer")).status).toBe(404);
		const { body } = await ask("newcomer", "?fallback=popular");
		expect(body.answeredBy).toBe("popular");
		expect(ids(body.items)).toEqual(["seen", "item/1", "a"]);
		expect(ids((await ask("newcomer", "?fallback=popular&excludeSeen=false")).body.items)).toContain("Ü 2");
	});

	test("live rows are marked, those of items that no model knows too", async () => {
		const feed = await served();
		await api.call("PUT", `${feed}/items`, { items: [{ item: "brand new", title: "New", tags: ["x"] }] });
		await send(feed, ["u1", "seen"], ["u1", "brand new"]);
		const { body } = await api.call("GET", "/users/u1");
		expect(body).toMatchObject({ inDataset: true, interactions: 1, liveTotal: 2 });
		expect(body.live).toEqual([
			{ id: "brand new", title: "New", at: "2026-11-01T12:00:01.000Z", known: false },
			{ id: "seen", title: "Seen before", at: "2026-11-01T12:00:00.000Z", known: true },
		]);
		const interests = (await api.call("GET", "/users/u1/interests")).body;
		expect(interests.history).toMatchObject([{ id: "seen", live: true }]);
		expect(api.recommender.requests.interests.at(-1)).toMatchObject({ live: ["seen", "brand new"], whole: true });
		expect((await api.call("GET", "/users/u2/interests")).body.history).toMatchObject([{ id: "seen", live: false }]);
		expect((await api.call("GET", `/users/u1?checkpoint=${checkpoint}`)).body.live).toEqual([]);
	});

	test("steering, what-if, filters and batches stand on it; a checkpoint by its id answers as it was trained", async () => {
		const feed = await served();
		await send(feed, ["u1", "a"]);
		const post = (more: object) => api.call("POST", "/users/u1/recommendations", more);
		for (const more of [{ steer: [{ interest: 0, weight: 2 }] }, { with: ["Ü 2"] }, { filter: { anyTag: ["red"] } }]) {
			await post(more);
			expect(asked()).toEqual({ live: ["a"], whole: true });
		}
		await post({ checkpoint });
		expect(asked()).toEqual({ live: [], whole: false });
		await api.call("PUT", "/users/u1/steering", { steer: [{ interest: 0, weight: 2 }] });
		await ask("u1");
		expect([asked(), api.recommender.requests.recommend.at(-1)?.steer]).toMatchObject([
			{ live: ["a"], whole: true },
			[{ interest: 0, weight: 2 }],
		]);
		await api.call("DELETE", "/users/u1/steering");
		const { body } = await api.call("POST", "/recommendations/batch", { users: ["u1", "u2", "nobody else"] });
		expect(body.users.map(({ answeredBy }: { answeredBy: string }) => answeredBy)).toEqual(["live", "list", undefined]);
		expect(asked().live).toEqual(["a"]);
	});
});
