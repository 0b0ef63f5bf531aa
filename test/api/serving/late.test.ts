// The real recommender behind the api, with a checkpoint that was trained on the training part of a feed's snapshot: who and what came
// after the last cut is known by every route alike.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestApi } from "../../support/api.js";
import type { Process } from "../../support/processes.js";
import { startOnRecommender, trained } from "../../support/real-recommender.js";

const AT = 1_700_000_000;
type Row = [user: string, item: string, at: number];
const people = Array.from({ length: 30 }, (_, n) => `c${n}`);
/** Each person has met seven of twenty items, of one tag. */
const train: Row[] = people.flatMap((user, n) =>
	Array.from({ length: 7 }, (_, k): Row => [user, `i${(n + 2 * k) % 20}`, AT + 20 * n + k]),
);
const valid: Row[] = people.map((user, n) => [user, `i${(n + 1) % 20}`, AT + 10_000 + n]);
/** `late` is an item that nobody had met before, the latecomers are people of whom nobody had heard. */
const LATE = AT + 20_000;
const test_: Row[] = [
	...people.slice(10).map((user, n): Row => [user, `i${(n + 13) % 20}`, LATE + n]),
	...people.slice(0, 10).map((user, n): Row => [user, "late", LATE + 100 + n]),
	["latecomer1", "i1", LATE + 200],
	["latecomer1", "i3", LATE + 201],
	["latecomer1", "late", LATE + 202],
	["latecomer2", "late", LATE + 203],
];

const folder = mkdtempSync(join(tmpdir(), "valence-late-"));
const artifacts = join(folder, "artifacts");
let recommender: Process;
let api: TestApi;

const sent = (rows: Row[]) =>
	api.call(
		"POST",
		"/feeds/shop/interactions",
		rows.map(([user, item, at]) => ({ user, item, at })),
	);
const get = async (path: string) => (await api.call("GET", path)).body;
const ids = (items: { id: string }[]) => items.map(({ id }) => id);

beforeAll(async () => {
	for (const made of ["shop", "artifacts"]) mkdirSync(join(folder, made));
	for (const [name, rows] of Object.entries({ train, valid, test: test_ })) {
		const lines = rows.map(([user, item, at]) => `${user}\t${item}\t${at}\n`);
		const head = "user_id:token\titem_id:token\ttimestamp:float\n";
		writeFileSync(join(folder, "shop", `shop.${name}.inter`), head + lines.join(""));
	}
	const items = [...Array(20).keys()].map((n) => `i${n}\tItem ${n}\t${n % 2 ? "Rock" : "Jazz"}\n`);
	const head = "item_id:token\ttitle:token_seq\ttags:token_seq\n";
	writeFileSync(join(folder, "shop", "shop.item"), `${head}${items.join("")}late\tLate\tJazz, Rock\n`);
	const checkpoints = {
		ease: trained(artifacts, "ease", join(folder, "shop")),
		bpr: trained(artifacts, "bpr", join(folder, "shop")),
	};
	({ api, recommender } = await startOnRecommender(artifacts));
	await api.call("PUT", "/feeds/shop");
	const described = ["late", "new"].map((item) => ({ item, title: `${item} of the feed`, tags: ["Jazz", "Rock"] }));
	await api.call("PUT", "/feeds/shop/items", { items: described });
	const rows = [...train, ...valid, ...test_];
	expect((await sent(rows)).body.added).toBe(rows.length);
	const { _max } = await api.app.prisma.feedInteraction.aggregate({ _max: { seq: true } });
	const feed = { name: "shop", at: new Date().toISOString(), rows: rows.length, upTo: Number(_max.seq) };
	const dataset = await api.dataset();
	await api.app.prisma.dataset.update({ where: { id: dataset }, data: { feed } });
	for (const [name, data] of Object.entries(checkpoints)) {
		const { runs } = await api.experiment(["SUCCEEDED"], { dataset, model: name });
		const id = await api.checkpoint(runs[0] as string);
		await api.app.prisma.checkpoint.update({ where: { id }, data });
		for (const [deployment, named] of [
			[name, "shop"],
			[`${name}-alone`, null],
		]) {
			const answer = await api.call("PUT", `/deployments/${deployment}`, { checkpoint: id, feed: named });
			expect(answer.status).toBe(200);
		}
	}
}, 300_000);
afterAll(async () => {
	await api?.close();
	await recommender?.end("SIGTERM");
	rmSync(folder, { recursive: true, force: true });
});

test("nobody is offered as fresh what they have met, and others are", async () => {
	const fresh = async (user: string, more = "") => {
		const { items } = await get(`/users/${user}/recommendations?deployment=ease&n=10&fresh=3${more}`);
		return ids(items.filter((item: { fresh?: boolean }) => item.fresh));
	};
	expect(await fresh("c3")).toEqual(["new"]);
	expect(await fresh("latecomer1")).toEqual(["new"]);
	expect((await fresh("c20")).toSorted()).toEqual(["late", "new"]);
	expect((await fresh("c3", "&excludeSeen=false")).toSorted()).toEqual(["late", "new"]);
});

test.each(["ease", "ease-alone"])("%s: a history holds what training does not know", async (deployment) => {
	const told = await get(`/users/c3/history?deployment=${deployment}`);
	expect(told.total).toBe((await get("/feeds/shop/users/c3")).interactions);
	const late = { id: "late", title: "Late", part: "cold", live: false, known: false };
	expect(told.items[0]).toEqual({ ...late, at: new Date((LATE + 103) * 1_000).toISOString() });
	const { items, total } = await get(`/users/latecomer1/history?deployment=${deployment}&limit=2`);
	expect([total, ids(items)]).toEqual([3, ["late", "i3"]]);
	expect(items[1]).toMatchObject({ title: "Item 3", part: "cold", known: true });
});

test.each(["ease", "ease-alone"])("%s: who came too late for training is known everywhere", async (deployment) => {
	const of = `deployment=${deployment}`;
	expect(await get(`/users/latecomer1?${of}`)).toMatchObject({ interactions: 0, inDataset: true, liveTotal: 0 });
	const found = await get(`/users?q=latecomer&${of}`);
	expect(found).toMatchObject({
		items: ["latecomer1", "latecomer2"].map((id) => ({ id, interactions: 0, inDataset: true })),
		total: 2,
	});
	const page = await get(`/users?limit=31&${of}`);
	expect([ids(page.items).at(-1), page.total]).toEqual(["latecomer1", 32]);
	expect(ids((await get(`/users?limit=31&cursor=${page.nextCursor}&${of}`)).items)).toEqual(["latecomer2"]);
	const { items, answeredBy } = await get(`/users/latecomer1/recommendations?${of}`);
	expect([answeredBy, ids(items).includes("i1"), items.length]).toEqual(["live", false, 18]);
	expect((await get(`/users/latecomer1/interests?${of}`)).historyTotal).toBe(2);
	// The model knows nothing of what this one has met.
	expect((await get(`/users/latecomer2/recommendations?${of}`)).code).toBe("unknown_user");
	expect((await get(`/users/latecomer2?${of}`)).inDataset).toBe(true);
	for (const path of ["", "/history", "/recommendations"])
		expect((await get(`/users/nobody${path}?${of}`)).code).toBe("unknown_user");
});

test("where the model cannot fold them in, they are told what everybody likes but for what they have met", async () => {
	const { items, answeredBy } = await get("/users/latecomer1/recommendations?deployment=bpr&fallback=popular&n=50");
	expect([answeredBy, items.length]).toEqual(["popular", 18]);
	for (const id of ["i1", "i3"]) expect(ids(items)).not.toContain(id);
	expect((await get("/users/latecomer1/history?deployment=bpr")).total).toBe(3);
});

test("after a row of today they are who they were, and that", async () => {
	await sent([["latecomer2", "i7", LATE + 1_000]]);
	const of = "deployment=ease";
	expect(ids((await get(`/users/latecomer2/history?${of}`)).items)).toEqual(["i7", "late"]);
	expect(await get(`/users/latecomer2?${of}`)).toMatchObject({ inDataset: true, liveTotal: 1 });
	expect((await get(`/users?q=latecomer&${of}`)).total).toBe(2);
	expect((await get(`/users/latecomer2/recommendations?${of}`)).answeredBy).toBe("live");
});

test("who is erased is known no more", async () => {
	const of = "deployment=ease";
	await api.call("DELETE", "/feeds/shop/users/latecomer1");
	for (const path of ["", "/history", "/interests", "/recommendations"])
		expect((await get(`/users/latecomer1${path}?${of}`)).code).toBe("unknown_user");
	expect(ids((await get(`/users?q=latecomer&${of}`)).items)).toEqual(["latecomer2"]);
	// What the dataset holds of this one is gone as well, and what they do from now on is all there is.
	await sent(["i8", "i10"].map((item, n): Row => ["latecomer1", item, LATE + 2_000 - n]));
	expect(ids((await get(`/users/latecomer1/history?${of}`)).items)).toEqual(["i8", "i10"]);
	expect((await get(`/users/latecomer1?${of}`)).inDataset).toBe(false);
	const { items } = await get(`/users/latecomer1/recommendations?${of}&n=10&fresh=3`);
	expect(ids(items)).toContain("late");
});
