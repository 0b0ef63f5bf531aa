// A model with a sparse linear path beside its interests: its share of each item stands wherever the interests' shares do, and
// nowhere else.
import { startApi, type TestApi } from "../../support/api.js";
import { WORLD } from "../../support/fake-recommender.js";
import { until } from "../../support/processes.js";

let api: TestApi;
/** Of the item in the column; a third of it has more digits than are answered. */
const share = (column: number) => [0.25, 0, 1 / 3, 0.5][column] as number;
const rounded = (value: number) => Math.round(Math.fround(value) * 1e6) / 1e6;
const expected = [0, 1, 2].map((column) => ({
	id: WORLD.items[column]?.id,
	linearShare: rounded(share(column)),
	interestShares: [0.25, 0.75].map((one) => rounded(one * (1 - share(column)))),
}));
const warm = (name: string) =>
	until("lists are warm", async () => (await api.call("GET", `/deployments/${name}/serving`)).body.lists.warm, 10);
beforeAll(async () => {
	api = await startApi();
	const runs = (await api.experiment(["SUCCEEDED", "SUCCEEDED"])).runs as [string, string];
	api.recommender.world = (key) => (key.includes(runs[0]) ? { ...WORLD, linear: share } : WORLD);
	for (const [place, name] of ["default", "without"].entries()) {
		const checkpoint = await api.checkpoint(runs[place] as string);
		await api.call("PUT", `/deployments/${name}`, { checkpoint, fallback: "popular" });
		await warm(name);
	}
});
afterAll(() => api.close());

interface Shown {
	id: string;
	interestShares: number[];
	linearShare?: number;
}
const shares = (items: Shown[]) =>
	items.map(({ id, linearShare, interestShares }) => ({ id, linearShare, interestShares }));

test("looked up, and again from memory: with the interests' shares it makes 1", async () => {
	for (const _ of [1, 2]) {
		const { body } = await api.call("GET", "/users/u1/recommendations");
		expect([body.answeredBy, shares(body.items)]).toEqual(["list", expected]);
		for (const { interestShares, linearShare } of body.items as Required<Shown>[])
			expect(interestShares.reduce((sum, one) => sum + one, linearShare)).toBeCloseTo(1, 5);
	}
	// Of those that are left, each its own.
	const { body } = await api.call("GET", "/users/u1/recommendations?exclude=item%2F1");
	expect([body.answeredBy, shares(body.items)]).toEqual(["list", expected.slice(1)]);
});

test("lists keep it when memory is shared anew", async () => {
	const runs = (await api.experiment(["SUCCEEDED"])).runs as [string];
	await api.call("PUT", "/deployments/third", { checkpoint: await api.checkpoint(runs[0]) });
	await warm("third");
	const { body } = await api.call("GET", "/users/u2/recommendations");
	expect([body.answeredBy, shares(body.items)]).toEqual(["list", expected]);
	await api.call("DELETE", "/deployments/third");
});

test("steered, previewed, on shelves, of a guest and of many", async () => {
	const steer = { steer: [{ interest: 0, weight: 2 }], preview: true, shelves: true };
	const steered = (await api.call("POST", "/users/u1/recommendations", steer)).body;
	expect([steered.answeredBy, shares(steered.items)]).toEqual(["live", expected]);
	expect(steered.shelves.map(({ items }: { items: Shown[] }) => shares(items))).toEqual([expected.slice(0, 1)]);
	expect(steered.preview.entered[0]).not.toHaveProperty("linearShare");
	const guest = (await api.call("POST", "/recommendations", { items: ["seen"], n: 2 })).body;
	expect([guest.answeredBy, shares(guest.items)]).toEqual(["live", expected.slice(0, 2)]);
	const batch = (await api.call("POST", "/recommendations/batch", { users: ["u1", "u3"] })).body;
	for (const { items } of batch.users) expect(shares(items)).toEqual(expected);
});

test("of a model without such a path no answer speaks of it, nor what is the same for everybody", async () => {
	const raw = await api.app.inject({ url: "/users/u1/recommendations?deployment=without&n=1" });
	const first = `{"id":"item/1","title":"First <img onerror=alert(1)>","score":2.5,"interestShares":[0.25,0.75],"because":[{"id":"seen","title":"Seen before"}]}`;
	expect(raw.body).toContain(`"items":[${first}],`);
	for (const [method, url, body] of [
		["POST", "/users/u1/recommendations", { deployment: "without", only: 1, shelves: true }],
		["GET", "/users/nobody%20here/recommendations", undefined],
	] as const) {
		const answer = await api.call(method, url, body);
		expect(answer.status).toBe(200);
		expect(JSON.stringify(answer.body)).not.toContain("linearShare");
	}
});
