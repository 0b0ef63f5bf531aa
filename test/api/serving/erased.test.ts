// Who is erased from a feed is unknown at once, though the dataset that is served holds them still.
import { forgetErasures } from "../../../services/api/src/feeds/erasures.js";
import { Prisma } from "../../../services/api/src/generated/prisma/client.js";
import { form, startApi, type TestApi } from "../../support/api.js";
import { until } from "../../support/processes.js";

let api: TestApi;
let second: TestApi;
let checkpoint: string;
let dataset: string;
beforeAll(async () => {
	api = await startApi();
	second = await startApi({ DATABASE_URL: api.app.config.databaseUrl });
	dataset = await api.dataset();
	checkpoint = await api.checkpoint((await api.experiment(["SUCCEEDED"], { dataset })).runs[0] as string);
	for (const name of ["shop", "other"]) await api.call("PUT", `/feeds/${name}`);
});
afterAll(async () => {
	await second.close();
	await api.close();
});

const deploy = async (feed: string | null) => {
	expect((await api.call("PUT", "/deployments/default", { checkpoint, feed })).status).toBe(200);
	await until("warm", async () => (await api.call("GET", "/deployments/default/serving")).body.lists.warm, 10);
};
const ofSnapshot = async (feed: string, upTo: number) => {
	const snapshot = { name: feed, at: new Date().toISOString(), rows: 1, upTo };
	await api.app.prisma.dataset.update({ where: { id: dataset }, data: { feed: snapshot } });
};
const send = (...rows: [user: string, item: string][]) =>
	api.call(
		"POST",
		"/feeds/shop/interactions",
		rows.map(([user, item]) => ({ user, item })),
	);
const ids = (items: { id: string }[]) => items.map(({ id }) => id);
const found = async (query: string) => {
	const { items, total } = (await api.call("GET", `/users?${query}`)).body;
	return { ids: ids(items), total };
};
const isKnown = async (user = "u1", query = "", of = api) =>
	(await of.call("GET", `/users/${user}/recommendations?${query}`)).status === 200;
const STEER = { steer: [{ interest: 0, weight: 2 }] };

/** Every door by which a person is asked about, with what they are told. */
async function doors(user: string, headers = {}) {
	const one = `/users/${user}`;
	const gets = ["", "/history", "/interests", "/recommendations", "/recommendations?n=2&excludeSeen=false"];
	const answers = [];
	for (const door of gets) answers.push(await api.call("GET", one + door, undefined, headers));
	for (const more of [{}, STEER, { with: ["a"] }, { fresh: 2 }, { shelves: true }])
		answers.push(await api.call("POST", `${one}/recommendations`, more));
	answers.push(await api.call("PUT", `${one}/steering`, STEER));
	const batch = await api.call("POST", "/recommendations/batch", { users: [user, "u2", "u3"] });
	const told = answers.map(({ status, body: { instance, ...body } }) => JSON.stringify([status, body]));
	const popular = (await api.call("GET", `${one}/recommendations?fallback=popular`)).body;
	return [...told, JSON.stringify(batch.body.users[0]), JSON.stringify(popular)].map((text) =>
		text.replaceAll(user, "somebody").replace(/"recommendationId":"[^"]*"/, '"recommendationId":"another each time"'),
	);
}

test("in every answer as somebody whom nobody has ever known, and in no search", async () => {
	await deploy("shop");
	const before = await api.call("GET", "/users/u1/recommendations");
	expect(before.body.answeredBy).toBe("list");
	expect((await api.call("PUT", "/users/u1/steering", STEER)).status).toBe(200);
	const all = await found("limit=100");
	expect(await found("q=u1")).toEqual({ ids: ["u1"], total: 1 });

	// The feed itself has never heard of them.
	expect((await api.call("DELETE", "/feeds/shop/users/u1")).body).toMatchObject({ interactions: 0 });
	const told = await doors("u1", { "if-none-match": before.headers.etag as string });
	expect(told).toEqual(await doors("nobody-1"));
	expect(told.filter((text) => text.includes('"unknown_user"')).length).toBe(told.length - 1);
	await api.app.outcomes.flush();
	const { answer } = api.app.prisma;
	expect(await answer.count({ where: { userId: "u1" } })).toBe(0);
	expect(await answer.count({ where: { userId: "nobody-1" } })).toBe(1);
	expect(await found("q=u1")).toEqual({ ids: [], total: 0 });
	const fewer = { ids: all.ids.filter((id) => id !== "u1"), total: all.total - 1 };
	expect(await found("limit=100")).toEqual(fewer);
	const random = await found("random=true&limit=100");
	expect({ ...random, ids: random.ids.toSorted() }).toEqual({ ...fewer, ids: fewer.ids.toSorted() });
	const paged = [];
	for (let cursor = ""; ; ) {
		const { items, nextCursor } = (await api.call("GET", `/users?limit=1${cursor}`)).body;
		paged.push(...ids(items));
		if (nextCursor === null) break;
		cursor = `&cursor=${nextCursor}`;
	}
	expect(paged).toEqual(fewer.ids);
	expect(await isKnown("u2")).toBe(true);
	expect(await isKnown("u1", `checkpoint=${checkpoint}`)).toBe(false);
	const beside = { where: { name: "beside" } };
	expect((await api.call("PUT", "/deployments/beside", { checkpoint })).status).toBe(200);
	expect([await isKnown("u1", "deployment=beside"), await isKnown("u2", "deployment=beside")]).toEqual([false, true]);
	// Without a deployment nothing says which feed concerns an upload.
	await deploy(null);
	for (const query of ["", `checkpoint=${checkpoint}`, "deployment=beside"]) {
		expect([query, await isKnown("u1", query)]).toEqual([query, true]);
	}
	await api.app.prisma.deployment.delete(beside);
	await api.app.deployments.refresh();
});

test("who comes back is known by what they have met since, and by nothing of the dataset", async () => {
	await deploy("shop");
	await send(["u2", "a"]);
	await api.call("DELETE", "/feeds/shop/users/u2");
	expect(await isKnown("u2")).toBe(false);
	await send(["u2", "b"]);
	expect((await api.call("GET", "/users/u2/recommendations")).body.answeredBy).toBe("live");
	expect(api.recommender.requests.recommend.at(-1)).toMatchObject({ erased: true, live: ["b"] });
	const { body } = await api.call("GET", "/users/u2");
	expect(body).toMatchObject({ inDataset: false, interactions: 0, liveTotal: 1 });
	const history = (await api.call("GET", "/users/u2/history")).body;
	expect([history.total, ids(history.items)]).toEqual([1, ["b"]]);
	expect((await api.call("GET", "/users?q=u2")).body).toMatchObject({
		items: [{ id: "u2", interactions: 0, inDataset: false }],
		total: 1,
	});
	await api.call("DELETE", "/feeds/shop/users/u2");
	expect(await isKnown("u2")).toBe(false);
});

test("in another process within a second, and in one that starts later", async () => {
	await deploy("shop");
	await until("it serves", () => isKnown("u3", "", second), 5);
	const started = Date.now();
	await api.call("DELETE", "/feeds/shop/users/u3");
	await until("it is known there", async () => !(await isKnown("u3", "", second)), 5);
	expect(Date.now() - started).toBeLessThan(1_000);
	const third = await startApi({ DATABASE_URL: api.app.config.databaseUrl });
	expect(await isKnown("u3", "", third)).toBe(false);
	await third.close();
});

test("by the snapshot that is served: of before it as unknown, with the feed or without; of after it as anybody", async () => {
	const { seq } = await api.app.prisma.feedErasure.findFirstOrThrow({ orderBy: { seq: "asc" } });
	const known = async () => {
		const answers = [await isKnown(), await isKnown("u1", `checkpoint=${checkpoint}`)];
		expect(answers[0]).toBe(answers[1]);
		return answers[0];
	};
	for (const feed of ["shop", "other", null]) {
		await ofSnapshot("shop", Number(seq) - 1);
		await deploy(feed);
		expect([feed, await known()]).toEqual([feed, false]);
		await ofSnapshot("shop", Number(seq));
		await deploy(feed);
		expect([feed, await known()]).toEqual([feed, true]);
	}
	await ofSnapshot("other", Number(seq) + 100);
	await deploy("other");
	expect(await known()).toBe(true);
	await deploy("shop");
	expect(await isKnown()).toBe(false);
});

test("an upload that was sent later speaks for whom it names, one that was sent before does not", async () => {
	const { prisma } = api.app;
	const { seq } = await prisma.feedErasure.findFirstOrThrow({ orderBy: { seq: "asc" } });
	for (const [since, known] of [
		[seq, true],
		[seq - 1n, false],
	] as const) {
		await prisma.dataset.update({ where: { id: dataset }, data: { feed: Prisma.DbNull, since } });
		await deploy("shop");
		expect([since, await isKnown()]).toEqual([since, known]);
	}
	// As the sample is sent, and the same one again, which is the one that there is.
	const sample = async () => {
		const { id } = (await api.call("POST", "/datasets/sample")).body;
		return (await prisma.dataset.findUniqueOrThrow({ where: { id } })).since;
	};
	const since = await sample();
	await api.call("DELETE", "/feeds/shop/users/u1");
	const { seq: later } = await prisma.feedErasure.findFirstOrThrow({ orderBy: { seq: "desc" } });
	expect([since > seq, since < later, (await sample()) === since]).toEqual([true, true, true]);
	await prisma.dataset.deleteMany({ where: { id: { not: dataset } } });
});

test("is forgotten once nothing can bring them back: a day later, when every dataset and file is of later, and with the feed", async () => {
	const { prisma } = api.app;
	const left = async (feed = "shop") => {
		await forgetErasures(prisma);
		return prisma.feedErasure.count({ where: { feed: { name: feed } } });
	};
	await api.call("DELETE", "/feeds/other/users/u1");
	const shop = await prisma.feedErasure.findMany({ where: { feed: { name: "shop" } }, orderBy: { seq: "asc" } });
	const last = Number(shop.at(-1)?.seq);
	expect(shop.length).toBe(3);
	await ofSnapshot("shop", last);
	expect(await left()).toBe(3); // somebody may be sending a file since before
	await prisma.feedErasure.updateMany({ data: { at: new Date(Date.now() - 86_400_000) } });
	await ofSnapshot("shop", last - 1);
	expect([await left(), await left("other")]).toEqual([1, 1]); // of the other feed one may be in the snapshot still
	const upload = await api.dataset();
	await ofSnapshot("shop", last);
	expect(await left()).toBe(1); // an upload may hold anybody
	await prisma.dataset.update({ where: { id: upload }, data: { since: last } });
	const [payload, headers] = await form(["interactions", "user,item,timestamp\na,1,1767225600\n", "a.csv"]);
	const { id } = (await api.call("POST", "/feeds/shop/imports", payload, headers)).body;
	await prisma.feedImport.update({ where: { id }, data: { since: last - 1 } });
	expect(await left()).toBe(1); // so may a file on its way
	await api.call("POST", `/feed-imports/${id}/cancel`);
	expect([await left(), await left("other")]).toEqual([0, 1]);
	await deploy(null);
	expect((await api.call("DELETE", "/feeds/other")).status).toBe(204);
	expect(await left("other")).toBe(0);
});
