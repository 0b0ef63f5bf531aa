// The real recommender behind the api: whatever is asked, the list tier and the model give the same answer. That the model's is that
// of brute force is shown in test/trainer/serving.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import type { TestApi } from "../../support/api.js";
import { type Process, until } from "../../support/processes.js";
import { startOnRecommender, trained, trainer } from "../../support/real-recommender.js";

const TAGS = ["Jazz", "chess", "BIRDS", "Robotics", "no such tag"];

const folder = mkdtempSync(join(tmpdir(), "valence-agreement-"));
const artifacts = join(folder, "artifacts");
let recommender: Process;
let api: TestApi;
let users: string[];
let items: string[];

beforeAll(async () => {
	const sample = join(folder, "sample");
	trainer("sample", "--out", sample);
	const sets = ["k=4", "r=2", "epochs=2", "embedding_size=16", "encoder_size=32"];
	const checkpoint = trained(artifacts, "valid", sample, ...sets);
	({ api, recommender } = await startOnRecommender(artifacts));
	const { runs } = await api.experiment(["SUCCEEDED"]);
	const id = await api.checkpoint(runs[0] as string);
	await api.app.prisma.checkpoint.update({ where: { id }, data: checkpoint });
	expect((await api.call("PUT", "/deployments/default", { checkpoint: id })).status).toBe(200);
	await until(
		"lists are warm",
		async () => (await api.call("GET", "/deployments/default/serving")).body.lists.warm,
		60,
	);
	const ids = async (list: string, limit: number) =>
		(await api.call("GET", `/${list}?limit=${limit}`)).body.items.map((one: { id: string }) => one.id);
	users = await ids("users", 200);
	items = await ids("items", 200);
}, 300_000);
afterAll(async () => {
	await api?.close();
	await recommender?.end("SIGTERM");
	rmSync(folder, { recursive: true, force: true });
});

interface Item {
	id: string;
	score: number;
	interestShares: number[];
	because: { id: string }[];
}
const near = (a: number, b: number) => Math.abs(a - b) <= 2e-5 * Math.max(1, Math.abs(a), Math.abs(b));

/** Equal but for the last digits of single precision; items whose scores are that near may stand in either order. */
function expectSame(list: Item[], live: Item[]): void {
	expect(list).toHaveLength(live.length);
	for (const [place, one] of list.entries()) {
		const other = live[place] as Item;
		expect(near(one.score, other.score)).toBe(true);
		if (one.id !== other.id) {
			const swapped = live.find(({ id }) => id === one.id);
			// The last one may have fallen out against another that is as good.
			if (swapped) expect(near(swapped.score, one.score)).toBe(true);
			else expect(near((live.at(-1) as Item).score, one.score)).toBe(true);
			continue;
		}
		expect(one.interestShares).toHaveLength(4);
		for (const [k, share] of one.interestShares.entries())
			expect(near(share, other.interestShares[k] as number)).toBe(true);
		expect(one.because).toEqual(other.because);
	}
}

test("list and live agree for any user, n, exclusions, filters and hidden items", async () => {
	const some = (from: string[], most: number) => fc.uniqueArray(fc.constantFrom(...from), { maxLength: most });
	const tags = some(TAGS, 2);
	const tiers = { list: 0, live: 0 };
	const question = fc.record({
		user: fc.constantFrom(...users),
		n: fc.integer({ min: 1, max: 60 }),
		exclude: some(items, 30),
		filter: fc.record({ anyTag: tags, allTags: some(TAGS, 1), noTag: tags }),
		hidden: some(items, 10),
	});
	await fc.assert(
		fc.asyncProperty(question, async ({ user, hidden, ...asked }) => {
			await api.call("PUT", "/deployments/default/hidden", { items: hidden });
			const ask = (more: object) => api.call("POST", `/users/${user}/recommendations`, { ...asked, ...more });
			const [first, live] = [await ask({}), await ask({ calibrate: 0 })];
			expect([first.status, live.status, live.body.answeredBy]).toEqual([200, 200, "live"]);
			tiers[first.body.answeredBy as "list" | "live"]++;
			expectSame(first.body.items, live.body.items);
			expect(first.body.unknownTags).toEqual(live.body.unknownTags);
			const answered = new Set(first.body.items.map(({ id }: Item) => id));
			for (const id of [...hidden, ...asked.exclude]) expect(answered.has(id)).toBe(false);
		}),
		{ numRuns: 60 },
	);
	// Chance decides which questions a list can answer: on average some 25 of the 60.
	expect(tiers.list).toBeGreaterThan(8);
	await api.call("PUT", "/deployments/default/hidden", { items: [] });
}, 120_000);

test("a weight of 1 everywhere changes nothing, and a muted interest has no share", async () => {
	const user = users[3] as string;
	const ask = async (body: object) =>
		(await api.call("POST", `/users/${user}/recommendations`, { n: 50, ...body })).body;
	const plain = await ask({ calibrate: 0 });
	const ones = await ask({ steer: [0, 1, 2, 3].map((interest) => ({ interest, weight: 1 })) });
	expect(ones.items).toEqual(plain.items);
	const muted = await ask({ steer: [{ interest: 1, weight: 0 }] });
	expect(muted.steering.weights).toEqual([1, 0, 1, 1]);
	expect(Math.min(muted.items.length, plain.items.length)).toBe(50);
	for (const { interestShares } of muted.items) expect(interestShares[1]).toBe(0);
	const only = await ask({ only: 1 });
	expect(only.items).toHaveLength(50);
	for (const { interestShares } of only.items) expect(interestShares).toEqual([0, 1, 0, 0]);
	const all = await api.call("POST", `/users/${user}/recommendations`, {
		steer: [0, 1, 2, 3].map((interest) => ({ interest, weight: 0 })),
	});
	expect([all.status, all.body.errors[0].pointer]).toEqual([422, "/steer"]);
	const wrong = await api.call("POST", `/users/${user}/recommendations`, { steer: [{ interest: 4, weight: 1 }] });
	expect([wrong.status, wrong.body.errors[0].pointer]).toEqual([400, "/steer/0/interest"]);
});

test("preview tells the difference of both lists, shelves hold their interest, what-if leaves out and takes in", async () => {
	const user = users[5] as string;
	const ask = async (body: object) =>
		(await api.call("POST", `/users/${user}/recommendations`, { n: 20, ...body })).body;
	const ids = (list: { id: string }[]) => list.map(({ id }) => id);
	const plain = await ask({ calibrate: 0 });
	const steered = await ask({ steer: [{ interest: 0, weight: 0 }], preview: true, shelves: true });
	const [before, after] = [new Set(ids(plain.items)), new Set(ids(steered.items))];
	expect(ids(steered.preview.entered).sort()).toEqual([...after].filter((id) => !before.has(id)).sort());
	expect(ids(steered.preview.left).sort()).toEqual([...before].filter((id) => !after.has(id)).sort());
	expect(steered.shelves.map(({ interest }: { interest: number }) => interest)).toEqual([1, 2, 3]);
	const history = (await api.call("GET", `/users/${user}/interests`)).body.history as { id: string }[];
	const [gone] = ids(history);
	const basket = items.filter((id) => !ids(history).includes(id) && !before.has(id)).slice(0, 3);
	const whatIf = await ask({ without: [gone], with: basket });
	for (const id of [gone, ...basket]) expect(ids(whatIf.items)).not.toContain(id);
	for (const { because } of whatIf.items) expect(ids(because)).not.toContain(gone);
});

describe("served with a feed", () => {
	const FEED = "/feeds/agreement";
	beforeAll(async () => {
		await api.call("PUT", FEED);
		const { id } = (await api.call("GET", "/deployments/default")).body.checkpoint;
		expect((await api.call("PUT", "/deployments/default", { checkpoint: id, feed: "agreement" })).status).toBe(200);
		await until(
			"lists are warm",
			async () => (await api.call("GET", "/deployments/default/serving")).body.lists.warm,
			60,
		);
	}, 120_000);
	const some = (from: () => string[], least: number, most: number) =>
		fc.uniqueArray(fc.integer({ min: 0, max: 199 }), { minLength: least, maxLength: most }).map((places) => {
			const all = from();
			return places.map((place) => all[place % all.length] as string);
		});

	test("list and live agree on the whole history", async () => {
		const tiers = { list: 0, live: 0 };
		await fc.assert(
			fc.asyncProperty(fc.constantFrom(...users), fc.integer({ min: 1, max: 60 }), async (user, n) => {
				const ask = (more: object) => api.call("POST", `/users/${user}/recommendations`, { n, ...more });
				const [first, live] = [await ask({}), await ask({ calibrate: 0 })];
				expect([first.status, live.body.answeredBy]).toEqual([200, "live"]);
				tiers[first.body.answeredBy as "list" | "live"]++;
				expectSame(first.body.items, live.body.items);
			}),
			{ numRuns: 30 },
		);
		expect(tiers.list).toBeGreaterThan(8);
	}, 120_000);

	test("a person who has moved is answered what the same history given by `with` is answered, and after it is taken back as before", async () => {
		const question = fc.record({
			user: fc.constantFrom(...users),
			met: some(() => items, 1, 12),
			n: fc.integer({ min: 1, max: 60 }),
			exclude: some(() => items, 0, 20),
			steer: fc.constantFrom(undefined, [{ interest: 0, weight: 3 }]),
		});
		const AT = 1_700_000_000;
		let differs = 0;
		await fc.assert(
			fc.asyncProperty(question, async ({ user, met, ...asked }) => {
				const ask = async (more: object = {}) =>
					(await api.call("POST", `/users/${user}/recommendations`, { ...asked, ...more })).body;
				const [before, wanted] = [await ask(), await ask({ with: met })];
				const sent = await api.call(
					"POST",
					`${FEED}/interactions`,
					met.map((item) => ({ user, item, at: AT })),
				);
				expect(sent.body.added).toBe(met.length);
				const moved = await ask();
				expect(moved.answeredBy).toBe("live");
				expectSame(moved.items, wanted.items);
				for (const id of met) expect(moved.items.map((one: Item) => one.id)).not.toContain(id);
				if (JSON.stringify(moved.items) !== JSON.stringify(before.items)) differs++;
				const interactions = met.map((item) => ({ user, item, at: AT }));
				await api.call("POST", `${FEED}/interactions/remove`, { interactions });
				expectSame((await ask()).items, before.items);
			}),
			{ numRuns: 40 },
		);
		expect(differs).toBeGreaterThan(20);
	}, 120_000);

	test("known to the feed alone: as a person of these items, in the order they were met", async () => {
		await fc.assert(
			fc.asyncProperty(
				some(() => items, 1, 12),
				async (met) => {
					const rows = met.map((item, second) => ({ user: "a newcomer", item, at: 1_700_000_000 + second }));
					await api.call("POST", `${FEED}/interactions`, [...rows, { user: "a newcomer", item: "no model knows it" }]);
					const { body } = await api.call("GET", "/users/a%20newcomer/recommendations?n=30");
					const guest = await api.call("POST", "/recommendations", { items: met, n: 30 });
					expect([body.user, body.answeredBy]).toEqual(["a newcomer", "live"]);
					expectSame(body.items, guest.body.items);
					const { history } = (await api.call("GET", "/users/a%20newcomer/interests")).body;
					expect(history.map(({ id, live }: { id: string; live: boolean }) => [id, live])).toEqual(
						met.map((id) => [id, true]),
					);
					await api.call("DELETE", `${FEED}/users/a%20newcomer`);
					expect((await api.call("GET", "/users/a%20newcomer/recommendations")).status).toBe(404);
				},
			),
			{ numRuns: 15 },
		);
		// Nothing that the model knows is not enough.
		await api.call("POST", `${FEED}/interactions`, [{ user: "a newcomer", item: "no model knows it" }]);
		expect((await api.call("GET", "/users/a%20newcomer/recommendations")).body.code).toBe("unknown_user");
		const popular = await api.call("GET", "/users/a%20newcomer/recommendations?fallback=popular");
		expect(popular.body.answeredBy).toBe("popular");
	}, 120_000);
});
