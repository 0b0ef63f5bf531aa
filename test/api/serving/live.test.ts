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

/** Histories that were read from the database to answer. */
async function reads(of = api): Promise<number> {
	const { body } = await of.call("GET", "/metrics");
	return Number(/^valence_live_reads_total (\d+)/m.exec(String(body))?.[1]);
}
/** The same of what was before the dataset, by how it went. */
async function olderReads(): Promise<Record<string, number>> {
	const { body } = await api.call("GET", "/metrics");
	const lines = String(body).matchAll(/^valence_older_reads_total\{outcome="(\w+)"\} (\d+)/gm);
	return Object.fromEntries([...lines].map(([, outcome, count]) => [outcome as string, Number(count)]));
}

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

describe("changed without another checkpoint", () => {
	const put = (feed: unknown, name = "default") => api.call("PUT", `/deployments/${name}/feed`, { feed });
	test("takes another feed, or none, at once, and notes no new checkpoint", async () => {
		const feed = await served();
		await send(feed, ["u1", "a"]);
		const shown = async () => {
			const { body } = await api.call("GET", "/deployments/default");
			return [body.feed, body.checkpoint.id, body.history.length];
		};
		const [, id, entries] = await shown();
		expect((await ask("u1")).body.answeredBy).toBe("live");
		expect(await put(null)).toMatchObject({ status: 200, body: { feed: null } });
		expect(await shown()).toEqual([null, id, entries]);
		await ask("u1", "?excludeSeen=false");
		expect(asked()).toEqual({ live: [], whole: false });
		await put(feed.slice(7));
		expect(await shown()).toEqual([feed.slice(7), id, entries]);
		expect((await ask("u1")).body.answeredBy).toBe("live");
	});
	test.each([
		["nowhere", 404, "/feed"],
		[undefined, 400, "/feed"],
		["A B", 400, "/feed"],
	])("%j is refused by its name", async (feed, status, pointer) => {
		const answer = await put(feed);
		expect([answer.status, answer.body.errors[0].pointer]).toEqual([status, pointer]);
	});
	test("of a deployment that is not there", async () => {
		expect(await put(null, "nobody")).toMatchObject({ status: 404, body: { code: "not_found" } });
	});
});

describe("in the next answer", () => {
	// All of it from memory: nothing that answers a person waits for the database.
	afterEach(async () => expect(await reads()).toBe(0));

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

	test("what is live is asked about with its times, each item at the last time it was met, also what arrives late", async () => {
		const feed = await served();
		await send(feed, ["u1", "a"], ["u1", "Ü 2"], ["u1", "a"]);
		const late = { user: "u1", item: "from before", at: AT - 86_400_000 };
		expect((await api.call("POST", `${feed}/interactions`, [late])).status).toBe(200);
		const wanted = { live: ["from before", "Ü 2", "a"], liveAtMs: [AT - 86_400_000, AT + 1_000, AT + 2_000] };
		await ask("u1");
		expect(api.recommender.requests.recommend.at(-1)).toMatchObject(wanted);
		await api.call("GET", "/users/u1/interests");
		expect(api.recommender.requests.interests.at(-1)).toMatchObject(wanted);
		await ask("u2", "?excludeSeen=false");
		expect(api.recommender.requests.recommend.at(-1)).toMatchObject({ live: [], liveAtMs: [] });
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
		const expectSince = async () => {
			expect((await ask("u1")).body.answeredBy).toBe("list");
			await ask("u2");
			expect(asked().live).toEqual(["Ü 2"]);
		};
		await expectSince();
		// Another name serves another dataset with the same feed: each has its own part of the rows.
		const other = await api.checkpoint((await api.experiment(["SUCCEEDED"])).runs[0] as string);
		await api.call("PUT", "/deployments/other", { checkpoint: other, feed: feed.slice(7) });
		await ask("u2", "?deployment=other");
		expect(asked().live).toEqual(["Ü 2", "a"]);
		await expectSince();
		await api.call("DELETE", "/deployments/other");
		await api.app.prisma.dataset.update({ where: { id: dataset }, data: { feed: { ...of, name: "another" } } });
		await api.call("PUT", "/deployments/default", { checkpoint });
		await ask("u1");
		expect(asked().live).toEqual(["a"]);
	});

	test("whom the rule of the snapshot left out is known by all that the feed has of them", async () => {
		const feed = await served();
		await send(feed, ["left out", "a"], ["left out", "Ü 2"], ["u1", "a"]);
		const [{ upTo }] = await api.app.prisma.$queryRaw<[{ upTo: number }]>`
			SELECT max(seq)::float8 AS "upTo" FROM feed_interactions`;
		const of = { name: feed.slice(7), at: new Date().toISOString(), rows: 3, upTo };
		await api.app.prisma.dataset.update({ where: { id: dataset }, data: { feed: of } });
		await api.call("PUT", "/deployments/default", { checkpoint });
		const { read = 0, ...others } = await olderReads();
		expect((await ask("left out")).body).toMatchObject({ user: "left out", answeredBy: "live" });
		expect(asked()).toEqual({ live: ["a", "Ü 2"], whole: true });
		expect(await olderReads()).toEqual({ read: read + 1, ...others });
		expect(Object.keys(others).sort()).toEqual(["failed", "unasked"]);
		await send(feed, ["newcomer", "a"], ["left out", "c"]);
		await ask("left out");
		expect(asked().live.toSorted()).toEqual(["a", "c", "Ü 2"]);
		const { body } = await api.call("GET", "/users/left%20out");
		expect(body).toMatchObject({ inDataset: false, interactions: 0, liveTotal: 3 });
		expect((await api.call("GET", "/users/left%20out/history")).body).toMatchObject({ total: 3 });
		expect((await api.call("GET", "/users?q=left%20out")).body.items).toMatchObject([{ id: "left out" }]);

		await ask("newcomer");
		expect(asked().live).toEqual(["a"]);

		await api.call("DELETE", `${feed}/users/left%20out`);
		expect((await ask("left out")).status).toBe(404);
		await api.app.prisma.dataset.update({ where: { id: dataset }, data: { feed: { ...of, name: "another" } } });
		await api.call("PUT", "/deployments/default", { checkpoint });
	});

	test("known to the feed alone: folded in; erased: unknown at once, and named nowhere", async () => {
		const feed = await served();
		expect((await ask("newcomer")).status).toBe(404);
		await send(feed, ["newcomer", "a"], [STRANGE[0] as string, "a"]);
		expect((await ask("newcomer")).body).toMatchObject({ user: "newcomer", answeredBy: "live" });
		expect(asked()).toEqual({ live: ["a"], whole: true });
		const seen = await api.call("GET", "/users/newcomer");
		expect(seen.body).toMatchObject({ id: "newcomer", inDataset: false, interactions: 0, liveTotal: 1 });
		await api.call("PUT", "/users/newcomer/steering", { steer: [{ interest: 0, weight: 2 }] });
		expect((await api.call("GET", "/users/newcomer/steering")).status).toBe(200);
		await api.call("DELETE", `${feed}/users/newcomer`);
		expect(await api.app.prisma.steering.count({ where: { user: "newcomer" } })).toBe(0);
		expect((await api.call("GET", "/users/newcomer/steering")).status).toBe(404);
		const doors = ["recommendations", `recommendations?checkpoint=${checkpoint}`, "interests", ""];
		for (const door of doors) {
			const { status, body } = await api.call("GET", `/users/newcomer/${door}`.replace(/\/$/, ""));
			expect([door, status, body.code]).toEqual([door, 404, "unknown_user"]);
		}
		for (const more of [{}, { steer: [{ interest: 0, weight: 2 }] }, { with: ["a"] }, { fresh: 2 }]) {
			expect((await api.call("POST", "/users/newcomer/recommendations", more)).body.code).toBe("unknown_user");
		}
		const steering = { steer: [{ interest: 0, weight: 2 }] };
		expect((await api.call("PUT", "/users/newcomer/steering", steering)).body.code).toBe("unknown_user");
		const batch = await api.call("POST", "/recommendations/batch", { users: ["newcomer", "u1"] });
		expect(batch.body.users).toMatchObject([{ error: { code: "unknown_user" } }, { user: "u1", answeredBy: "list" }]);
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

	test("an item that no model knows has its title without tags, and where it cannot be had; those of a page are read at once", async () => {
		const feed = await served();
		const { findMany } = api.app.prisma.feedItem;
		const asked: string[][] = [];
		let isAway = false;
		let isSilent = false;
		const items = [
			{ item: "tagged", title: "Tagged", tags: ["x"] },
			{ item: "no tags", title: "No tags" },
			{ item: "gone", title: "Gone", tags: ["x"], available: false },
			{ item: "cold", title: "Cold" },
		];
		await api.call("PUT", `${feed}/items`, { items });
		await send(feed, ["u1", "tagged"], ["u1", "no tags"], ["u1", "gone"], ["u1", "no title"], ["u1", "seen"]);
		api.recommender.met = [{ id: "cold", title: "", part: "cold", atMs: AT - 1_000 }];
		const replaced = (value: unknown) =>
			Object.defineProperty(api.app.prisma.feedItem, "findMany", { configurable: true, value });
		replaced(async (query: { where: { id: { in: string[] } } }) => {
			asked.push(query.where.id.in.toSorted());
			if (isAway) throw new Error("the database is away");
			if (isSilent) return new Promise(() => undefined);
			return findMany.call(api.app.prisma.feedItem, query);
		});
		const titles = (rows: { id: string; title: string | null }[]) => rows.map(({ id, title }) => `${id}: ${title}`);
		const told = async () => {
			const user = (await api.call("GET", "/users/u1")).body;
			const history = (await api.call("GET", "/users/u1/history")).body;
			return [titles(user.live), titles(history.items)];
		};
		try {
			const live = ["seen: Seen before", "no title: null", "gone: Gone", "no tags: No tags", "tagged: Tagged"];
			expect(await told()).toEqual([live, [...live, "cold: Cold"]]);
			const unknown = ["gone", "no tags", "no title", "tagged"];
			expect(asked).toEqual([unknown, ["cold", ...unknown]]);
			const page = (await api.call("GET", "/users/u1/history?limit=1")).body;
			expect([titles(page.items), asked.length]).toEqual([["seen: Seen before"], 2]);
			// Without the database: those in memory.
			isAway = true;
			const known = ["seen: Seen before", "no title: null", "gone: null", "no tags: null", "tagged: Tagged"];
			expect(await told()).toEqual([known, [...known, "cold: null"]]);
			[isAway, isSilent] = [false, true];
			const began = Date.now();
			expect(await told()).toEqual([known, [...known, "cold: null"]]);
			expect(Date.now() - began).toBeLessThan(10_000);
		} finally {
			replaced(findMany);
			api.recommender.met = [];
		}
	});

	test("a history is of the dataset and the feed, what both hold once, newest first; what comes or goes between two pages moves no other row", async () => {
		const feed = await served();
		const row = (id: string, part: string, seconds?: number) => ({
			id,
			title: "",
			part,
			atMs: seconds === undefined ? undefined : AT + seconds * 1_000,
		});
		api.recommender.met = [
			row("seen", "test", 3),
			row("a", "train", 1),
			row("item/1", "valid", 1),
			row("Ü 2", "train"),
		];
		await send(feed, ["u1", "brand new"], ["u1", "a"], ["u1", "item/1"], ["u1", "seen"], ["u1", "Ü 2"]);
		const url = "/users/u1/history?limit=2";
		const told = ({ items }: { items: { id: string; part: string; live: boolean; known: boolean }[] }) =>
			items.map(
				({ id, part, live, known }) =>
					`${id} ${part}${live && part !== "live" ? " live" : ""}${known ? "" : " unknown"}`,
			);
		const first = (await api.call("GET", url)).body;
		expect([told(first), first.total]).toEqual([["Ü 2 live", "seen test live"], 7]);
		await api.call("POST", `${feed}/interactions`, [
			{ user: "u1", item: "a", at: AT + 9_000 },
			// At the moment of the row that the first page ended with.
			{ user: "u1", item: "item/1", at: AT + 3_000 },
		]);
		await api.call("POST", `${feed}/interactions/remove`, { interactions: [{ user: "u1", item: "Ü 2" }] });
		const second = (await api.call("GET", `${url}&cursor=${first.nextCursor}`)).body;
		expect(told(second)).toEqual(["item/1 live", "a train live"]);
		const third = (await api.call("GET", `${url}&cursor=${second.nextCursor}`)).body;
		expect(told(third)).toEqual(["item/1 valid", "brand new live unknown"]);
		const last = (await api.call("GET", `${url}&cursor=${third.nextCursor}`)).body;
		expect([told(last), last.nextCursor]).toEqual([["Ü 2 train"], null]);
		const all = (await api.call("GET", "/users/u1/history")).body;
		expect([all.items.length, all.total, all.nextCursor]).toEqual([8, 8, null]);
		api.recommender.met = [];
	});

	test("who is known by the feed alone has a history, and is found by the beginning of the id, in the order of ids", async () => {
		const feed = await served();
		await send(feed, ["u15", "a"], ["u3é", "a"], ["u1", "a"], ["zoë", "a"], ["u15", "Ü 2"]);
		const { body } = await api.call("GET", "/users/u15/history?limit=1");
		expect(body).toMatchObject({ items: [{ id: "Ü 2", part: "live" }], total: 2 });
		const next = await api.call("GET", `/users/u15/history?limit=1&cursor=${body.nextCursor}`);
		expect(next.body).toMatchObject({ items: [{ id: "a", part: "live" }], nextCursor: null });
		const found = (query: string) => api.call("GET", `/users?${query}`).then(({ body: page }) => page);
		expect(await found("q=u1")).toEqual({
			items: [
				{ id: "u1", interactions: 1, inDataset: true },
				{ id: "u15", interactions: 0, inDataset: false },
			],
			total: 2,
			nextCursor: null,
		});
		const pages: string[] = [];
		let cursor: string | null = "";
		while (cursor !== null) {
			const page: { items: { id: string }[]; nextCursor: string | null } = await found(
				`q=u&limit=1${cursor && `&cursor=${cursor}`}`,
			);
			pages.push(...ids(page.items));
			cursor = page.nextCursor;
			// Whoever comes before is of no page that follows.
			if (pages.length === 2) await send(feed, ["u0", "a"]);
		}
		expect(pages).toEqual(["u1", "u15", "u2", "u3", "u3é"]);
		expect(ids((await found(`checkpoint=${checkpoint}&q=u1`)).items)).toEqual(["u1"]);
		expect(ids((await found("q=zo")).items)).toEqual(["zoë"]);
		await api.call("DELETE", `${feed}/users/u15`);
		expect(ids((await found("q=u1")).items)).toEqual(["u1"]);
		expect((await api.call("GET", "/users/u15/history")).body.code).toBe("unknown_user");
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
		const ofU1 = api.recommender.requests.recommend.findLast(({ who }) => who?.$case === "user" && who.value === "u1");
		expect(ofU1?.live).toEqual(["a"]);
	});
});

test("who came too late for training is asked about, and nobody else who is unknown is answered", async () => {
	await served();
	api.recommender.cold = ["late"];
	expect((await ask("late")).body).toMatchObject({ user: "late", answeredBy: "live" });
	expect((await ask("nobody else")).body.code).toBe("unknown_user");
	expect((await ask("nobody else", "?fallback=popular")).body.answeredBy).toBe("popular");
	api.recommender.cold = [];
});

describe("items of the feed", () => {
	test("what cannot be had leaves every tier at once, and comes back", async () => {
		const feed = await served();
		await send(feed, ["u2", "seen"]);
		const put = (available: boolean) =>
			api.call("PUT", `${feed}/items`, {
				items: [
					{ item: "Ü 2", available },
					{ item: "not in the dataset", available },
				],
			});
		const lists = async () => {
			const popular = (await ask("nobody else", "?fallback=popular")).body;
			const answers = [(await ask("u1")).body, (await ask("u2")).body, popular];
			expect(answers.map(({ answeredBy }) => answeredBy)).toEqual(["list", "live", "popular"]);
			return answers.map(({ items }) => ids(items).includes("Ü 2"));
		};
		expect(await lists()).toEqual([true, true, true]);
		const { etag } = (await ask("u1")).headers;
		await put(false);
		expect(await lists()).toEqual([false, false, false]);
		expect((await ask("u1", "", { "if-none-match": etag as string })).status).toBe(200);
		// It was not hidden by name.
		expect((await api.call("GET", "/deployments/default/hidden")).body).toEqual({ items: [], unknown: [] });
		expect((await api.call("GET", "/deployments/default")).body.hidden).toBe(0);
		const made = await api.call("POST", "/deployments/default/exports", { n: 5, format: "csv", users: ["u1"] });
		const row = await api.app.prisma.export.findUniqueOrThrow({ where: { id: made.body.id } });
		expect(row.hidden.toSorted()).toEqual(["not in the dataset", "Ü 2"].toSorted());
		await put(true);
		expect(await lists()).toEqual([true, true, true]);
	});

	describe("fresh", () => {
		let feed: string;
		const standard = () => [{ id: "seen", title: "Seen before", interestShares: [1, 0] }];
		beforeAll(async () => {
			feed = await served();
			const describe = (item: string, tags: string[], available = true) => ({
				item,
				title: `T ${item}`,
				tags,
				available,
			});
			await api.call("PUT", `${feed}/items`, {
				items: [
					describe("old red", ["RED"]),
					describe("green", ["green"]),
					describe("gone red", ["red"], false),
					describe("new red", ["red", "small"]),
					describe("item/1", ["red"]), // which the model knows
				],
			});
			// Both are red: that is what the strongest interest is told by.
			api.recommender.history = () => ["item/1", "Ü 2"].map((id) => ({ id, title: id, interestShares: [1, 0] }));
		});
		afterAll(() => {
			api.recommender.history = standard;
		});

		test("the newest first, of the person's tags, spread, never first, labelled", async () => {
			const { body } = await ask("u1", "?n=4&fresh=2");
			expect(body.fresh).toEqual({ mixed: 2 });
			expect(ids(body.items)).toEqual(["item/1", "new red", "old red", "Ü 2"]);
			expect(body.items[1]).toEqual({
				id: "new red",
				title: "T new red",
				score: 0,
				interestShares: [],
				because: [],
				fresh: true,
				tags: ["Red"],
			});
			expect(body.items[0].fresh).toBe(undefined);
			const one = (await ask("u1", "?n=3&fresh=1")).body;
			expect(ids(one.items)).toEqual(["item/1", "new red", "Ü 2"]);
			expect((await ask("u1", "?n=3")).body).not.toHaveProperty("fresh");
			expect((await ask("u1", "?n=1&fresh=5")).body).toMatchObject({ items: [{ id: "item/1" }], fresh: { mixed: 0 } });
		});

		test("neither what the person has met, nor what is left out, filtered or no candidate", async () => {
			const post = async (more: object) => {
				const { body } = await api.call("POST", "/users/u2/recommendations", { n: 9, fresh: 20, ...more });
				return ids(body.items.filter((item: { fresh?: true }) => item.fresh));
			};
			expect(await post({})).toEqual(["new red", "old red"]);
			expect(await post({ exclude: ["new red"] })).toEqual(["old red"]);
			expect(await post({ filter: { anyTag: ["Small"] } })).toEqual(["new red"]);
			expect(await post({ filter: { noTag: ["small"] } })).toEqual(["old red"]);
			expect(await post({ filter: { allTags: ["red", "small"] } })).toEqual(["new red"]);
			expect(await post({ candidates: ["a", "old red"] })).toEqual(["old red"]);
			await send(feed, ["u2", "new red"]);
			expect(await post({})).toEqual(["old red"]);
			expect(await post({ excludeSeen: false })).toEqual(["new red", "old red"]);
		});

		test("says why there are none", async () => {
			const none = async (query: string) => (await ask("u1", query)).body.fresh;
			expect(await none("?n=1&fresh=2")).toEqual({ mixed: 0, none: "no_room" });
			expect(await none(`?fresh=2&checkpoint=${checkpoint}`)).toEqual({ mixed: 0, none: "no_feed" });
			expect((await ask("nobody else", "?fresh=2&fallback=popular")).body.fresh).toEqual({ mixed: 0, none: "no_tags" });
			await api.call("PUT", `${feed}/items`, {
				items: ["old red", "new red"].map((item) => ({ item, available: false })),
			});
			expect(await none("?fresh=2")).toEqual({ mixed: 0, none: "no_items" });
			api.recommender.history = standard;
			await api.call("PUT", "/deployments/default", { checkpoint });
			expect(await none("?n=2&fresh=2")).toEqual({ mixed: 0, none: "no_tags" });
		});

		test("of a batch and of who is known by items alone, too", async () => {
			api.recommender.history = () => ["item/1", "Ü 2"].map((id) => ({ id, title: id, interestShares: [1, 0] }));
			await api.call("PUT", `${feed}/items`, { items: [{ item: "new red", available: true }] });
			const batch = await api.call("POST", "/recommendations/batch", { users: ["u1", "u3"], n: 3, fresh: 1 });
			for (const { items, fresh } of batch.body.users)
				expect([ids(items), fresh]).toEqual([["item/1", "new red", "Ü 2"], { mixed: 1 }]);
			const guest = await api.call("POST", "/recommendations", { items: ["a"], n: 3, fresh: 1 });
			expect(ids(guest.body.items)).toContain("new red");
		});
	});
});

describe("another process", () => {
	let second: TestApi;
	beforeAll(async () => {
		second = await startApi({ DATABASE_URL: api.app.config.databaseUrl });
	});
	afterAll(() => second.close());
	const elsewhere = async (user: string) => (await second.call("GET", `/users/${user}/recommendations`)).body;
	/** Holds there within a second of now. */
	async function soon(what: string, isTrue: () => Promise<boolean>): Promise<void> {
		const started = Date.now();
		await until(what, isTrue, 5);
		expect(Date.now() - started).toBeLessThan(1_000);
	}

	test("knows within a second what was met, taken back, erased and cannot be had", async () => {
		const feed = await served();
		await until(
			"it serves the feed",
			async () => (await second.call("GET", "/deployments/default")).body.feed !== null,
			5,
		);
		await until("it has lists", async () => (await elsewhere("u1")).answeredBy === "list", 5);
		await send(feed, ["u1", "a"], ["newcomer", "a"]);
		await soon("met", async () => (await elsewhere("u1")).answeredBy === "live");
		await soon("a newcomer", async () => (await elsewhere("newcomer")).answeredBy === "live");
		await api.call("POST", `${feed}/interactions/remove`, { interactions: [{ user: "u1", item: "a" }] });
		await soon("taken back", async () => (await elsewhere("u1")).answeredBy === "list");
		await api.call("DELETE", `${feed}/users/newcomer`);
		await soon("erased", async () => (await elsewhere("newcomer")).code === "unknown_user");
		await api.call("PUT", `${feed}/items`, { items: [{ item: "a", available: false }] });
		await soon("cannot be had", async () => !ids((await elsewhere("u1")).items).includes("a"));
	});

	test("reads again what was announced while it did not hear", async () => {
		const feed = await served();
		await until(
			"it serves the feed",
			async () => second.app.deployments.get("default")?.feed?.name === feed.slice(7),
			5,
		);
		await send(feed, ["u1", "a"], ["u2", "a"]);
		await until("met", async () => (await elsewhere("u2")).answeredBy === "live", 5);
		const before = await reads(second);
		// Nobody announces these.
		await api.app.prisma.$transaction(async (tx) => {
			await tx.$executeRaw`DELETE FROM feed_interactions r USING feed_users u WHERE r.user_key = u.key AND u.id = 'u1'`;
			await tx.$executeRaw`UPDATE feeds SET removals = removals + 1 WHERE name = ${feed.slice(7)}`;
			await tx.$executeRaw`
				INSERT INTO feed_interactions (feed_id, user_key, item_key, at) SELECT feed_id, user_key, item_key, now() FROM feed_interactions r
				WHERE feed_id = (SELECT id FROM feeds WHERE name = ${feed.slice(7)})`;
		});
		await until("taken back", async () => (await elsewhere("u1")).answeredBy === "list", 10);
		const { live } = (await second.call("GET", "/users/u2")).body;
		expect(live).toHaveLength(2);
		// While all is read anew the database answers; then memory does again.
		expect(await reads(second)).toBeGreaterThanOrEqual(before);
		await until(
			"memory answers",
			async () => {
				const read = await reads(second);
				return (await elsewhere("u2")).answeredBy === "live" && (await reads(second)) === read;
			},
			5,
		);
	});
});

test("while all is read, at a start or after something was missed, nobody waits and nothing is missed", async () => {
	const feed = await served();
	const { $queryRaw } = api.app.prisma;
	let release = () => {};
	const held = new Promise<void>((resolve) => {
		release = resolve;
	});
	await send(feed, ["u1", "a"], ["u2", "a"], ["u3", "a"]);
	let isBegun = false;
	let isHeld = false;
	// The bulk of the rows is read, and comes no further.
	Object.defineProperty(api.app.prisma, "$queryRaw", {
		configurable: true,
		value: async (sql: TemplateStringsArray, ...values: unknown[]) => {
			const rows = await $queryRaw.call(api.app.prisma, sql, ...values);
			const text = sql.join("");
			if (isBegun && !isHeld && text.includes(") AS own")) {
				isHeld = true;
				await held;
			}
			if (text.includes("AS newer")) isBegun = true;
			return rows;
		},
	});
	try {
		await api.app.prisma.$executeRaw`UPDATE feeds SET removals = removals + 1 WHERE name = ${feed.slice(7)}`;
		await until("it reads all", () => Promise.resolve(isHeld), 10);
		const live = async (user: string) =>
			(await api.call("GET", `/users/${user}`)).body.live?.map(({ id }: { id: string }) => id);
		await send(feed, ["u2", "seen"]);
		await api.call("DELETE", `${feed}/users/u1`);
		const all = async () => [await live("u1"), (await live("u2")).toSorted(), await live("u3")];
		const wanted = [undefined, ["a", "seen"], ["a"]];
		expect(await all()).toEqual(wanted);
		const before = await reads();
		expect(before).toBeGreaterThan(0);
		release();
		const deployed = api.app.deployments.get("default");
		if (deployed) await api.app.live.ready(deployed);
		expect(await all()).toEqual(wanted);
		expect(await reads()).toBe(before);
	} finally {
		release();
		Reflect.deleteProperty(api.app.prisma, "$queryRaw");
	}
});

describe("more than there is room for", () => {
	test.each([0, 3])("LIVE_ROWS=%d: who is not in memory is read, and nobody is lost", async (rows) => {
		const small = await startApi({ LIVE_ROWS: String(rows) });
		try {
			const id = await small.checkpoint((await small.experiment(["SUCCEEDED"])).runs[0] as string);
			await small.call("PUT", "/feeds/f");
			await small.call("PUT", "/deployments/default", { checkpoint: id, feed: "f" });
			const live = async (user: string) =>
				(await small.call("GET", `/users/${user}`)).body.live?.map(({ id: item }: { id: string }) => item);
			const add = (...pairs: [string, string][]) =>
				small.call(
					"POST",
					"/feeds/f/interactions",
					pairs.map(([user, item], index) => ({ user, item, at: AT + index })),
				);
			await add(["u1", "a"], ["u2", "a"], ["u2", "seen"], ["u3", "a"], ["u3", "seen"], ["newcomer", "a"]);
			await add(["u1", "Ü 2"]);
			const all: Record<string, string[] | undefined> = {
				u1: ["Ü 2", "a"],
				u2: ["seen", "a"],
				u3: ["seen", "a"],
				newcomer: ["a"],
				somebody: [],
			};
			const expectAll = async () => {
				for (const [user, items] of Object.entries(all)) expect([user, await live(user)]).toEqual([user, items]);
			};
			await expectAll();
			// By the whole id, where memory does not hold all who have moved.
			expect((await small.call("GET", "/users?q=newcomer")).body.total).toBe(1);
			await small.call("DELETE", "/feeds/f/users/u2");
			all.u2 = undefined;
			await expectAll();
			await small.call("DELETE", "/feeds/f/users/newcomer");
			expect((await small.call("GET", "/users/newcomer")).status).toBe(404);
			expect(await reads(small)).toBeGreaterThan(4);
			const metrics = String((await small.call("GET", "/metrics")).body);
			expect(Number(/^valence_live_rows (\d+)/m.exec(metrics)?.[1])).toBeLessThanOrEqual(rows);
			// Another that starts with more than it has room for.
			const other = await startApi({ DATABASE_URL: small.app.config.databaseUrl, LIVE_ROWS: String(rows) });
			try {
				const { body } = await other.call("GET", "/users/u3");
				expect(body.live).toHaveLength(2);
				expect((await other.call("GET", "/users/somebody")).body.live).toEqual([]);
			} finally {
				await other.close();
			}
		} finally {
			await small.close();
		}
	});
});
