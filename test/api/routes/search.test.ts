// Users and items are found in memory: by the beginning of the id, by words of the title, by tag.

import { startApi, type TestApi } from "../../support/api.js";
import type { FakeRecommender } from "../../support/fake-recommender.js";
import { WORLD } from "../../support/fake-recommender.js";

let api: TestApi;
const TITLES = ["Château in the rain", "Rain dance", "The terrain", "", "a chat"];
const world: FakeRecommender["world"] = () => ({
	...WORLD,
	users: ["b2", "a1", "a10", "a2", "ä3"],
	items: TITLES.map((title, column) => ({
		id: `i${column}`,
		title,
		tags: column < 2 ? [0] : column === 2 ? [0, 1] : [],
		popularity: column,
	})),
});
beforeAll(async () => {
	api = await startApi();
	api.recommender.world = world;
	const { runs } = await api.experiment(["SUCCEEDED"]);
	await api.call("PUT", "/deployments/default", { checkpoint: await api.checkpoint(runs[0] as string) });
});
afterAll(() => api.close());
const found = async (url: string) => (await api.call("GET", url)).body.items.map(({ id }: { id: string }) => id);

test("users by the beginning of the id, page by page", async () => {
	expect((await api.call("GET", "/users?q=a1")).body).toEqual({
		items: [
			{ id: "a1", interactions: 2, inDataset: true },
			{ id: "a10", interactions: 3, inDataset: true },
		],
		total: 2,
		nextCursor: null,
	});
	const first = (await api.call("GET", "/users?limit=3")).body;
	expect(first.total).toBe(5);
	const rest = await found(`/users?limit=3&cursor=${first.nextCursor}`);
	expect([...first.items.map(({ id }: { id: string }) => id), ...rest]).toEqual(["a1", "a10", "a2", "b2", "ä3"]);
	expect(await found("/users?q=%C3%A4")).toEqual(["ä3"]);
	expect(await found("/users?q=zzz")).toEqual([]);
});

test("some users by chance", async () => {
	const some = await found("/users?random=true&limit=4");
	expect(new Set(some).size).toBe(4);
	expect(await found("/users?random=true")).toHaveLength(5);
});

test("items by words, marks and case aside, the most popular first; by the beginning of the id; by tag", async () => {
	expect((await api.call("GET", "/items?q=RAIN")).body).toEqual({
		items: [
			{ id: "i1", title: "Rain dance", tags: ["Red"], popularity: 1 },
			{ id: "i0", title: "Château in the rain", tags: ["Red"], popularity: 0 },
		],
		total: 2,
		nextCursor: null,
	});
	expect(await found("/items?q=chat")).toEqual(["i4", "i0"]);
	expect(await found("/items?q=rain%20ch%C3%A2t")).toEqual(["i0"]);
	expect(await found("/items?q=i3")).toEqual(["i3"]);
	expect(await found("/items")).toEqual(["i4", "i3", "i2", "i1", "i0"]);
	expect(await found("/items?tag=round")).toEqual(["i2"]);
	expect(await found("/items?tag=none")).toEqual([]);
	const first = (await api.call("GET", "/items?limit=2")).body;
	expect(await found(`/items?limit=2&cursor=${first.nextCursor}`)).toEqual(["i2", "i1"]);
	for (const list of ["users", "items"])
		expect((await api.call("GET", `/${list}?cursor=eHh4`)).body.errors[0].pointer).toBe("/query/cursor");
});

test("one item", async () => {
	const { status, body } = await api.call("GET", "/items/i2");
	expect([status, body]).toEqual([200, { id: "i2", title: "The terrain", tags: ["Red", "Round"], popularity: 2 }]);
	const { status: missing, body: problem } = await api.call("GET", "/items/i9");
	expect([missing, problem.code, problem.errors[0].pointer]).toEqual([404, "unknown_item", "/params/id"]);
});

test("interests with a label, their top items and the history behind them; similar items", async () => {
	const { body } = await api.call("GET", "/users/a1/interests?n=1");
	expect(body.interests[0]).toEqual({
		index: 0,
		label: "A, Seen before",
		weight: 1,
		topItems: [{ id: "a", title: "A", score: 2 }],
		formedBy: [{ id: "seen", title: "Seen before" }],
	});
	expect(body).toMatchObject({
		user: "a1",
		history: [{ id: "seen", title: "Seen before", interestShares: [1, 0] }],
		historyTotal: 1,
	});
	const similar = await api.call("GET", "/items/x/similar?n=3");
	expect(similar.body).toMatchObject({ item: "x", items: [{ id: "b", title: "B", score: 0.9 }] });
});

describe("the history of a user", () => {
	const met = [
		{ id: "i3", title: "", part: "test", atMs: 1_767_225_600_000 },
		{ id: "i1", title: "Rain dance", part: "train", atMs: 0 },
		{ id: "i0", title: TITLES[0] as string, part: "fold_in", atMs: undefined },
	];
	beforeAll(() => {
		api.recommender.met = met;
	});

	test("newest first, page by page, with times and parts", async () => {
		const first = (await api.call("GET", "/users/%C3%A43/history?limit=2")).body;
		expect(first).toMatchObject({
			user: "ä3",
			items: [
				{ id: "i3", title: null, at: "2026-01-01T00:00:00.000Z", part: "test", live: false, known: true },
				{ id: "i1", title: "Rain dance", at: "1970-01-01T00:00:00.000Z", part: "train", known: true },
			],
			total: 3,
		});
		expect(first.checkpoint.model).toBe("valid");
		const last = (await api.call("GET", `/users/%C3%A43/history?limit=2&cursor=${first.nextCursor}`)).body;
		const oldest = { id: "i0", title: TITLES[0], at: null, part: "fold_in", live: false, known: true };
		expect([last.items, last.nextCursor]).toEqual([[oldest], null]);
		expect(api.recommender.requests.histories.at(-1)).toMatchObject({ user: "ä3", start: 2, n: 2 });
	});

	test("refuses who is unknown, a cursor of another list, and what is out of range", async () => {
		expect((await api.call("GET", "/users/nobody/history")).body.code).toBe("unknown_user");
		expect((await api.call("GET", "/users/a1/history?cursor=!")).body.code).toBe("invalid_cursor");
		expect((await api.call("GET", "/users/a1/history?limit=201")).body.errors[0].pointer).toBe("/query/limit");
		expect((await api.call("GET", "/users/a1/history?deployment=none")).body.code).toBe("nothing_deployed");
	});
});
