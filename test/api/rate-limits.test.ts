// Requests a minute of each key; with VALENCE_TEST_REDIS processes count together.

import { startApi, type TestApi } from "../support/api.js";
import { callWith, FIRST, makeKey } from "../support/keys.js";
import { isOnRedis } from "../support/queue-server.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi({ API_KEYS: FIRST, RATE_LIMIT: "4" });
});
afterAll(() => api.close());

const statuses = async (call: ReturnType<typeof callWith>, times: number) => {
	const found: number[] = [];
	for (let time = 0; time < times; time++) found.push((await call("GET", "/models")).status);
	return found;
};

test("a key has the limit it was made with, else that of the environment; another key is not held up by it", async () => {
	const { key } = await makeKey(api, "two", "serve", { rateLimit: 2 });
	const usual = await makeKey(api, "usual", "serve");
	const free = await makeKey(api, "free", "serve", { rateLimit: 0 });
	expect(await statuses(callWith(api, key), 4)).toEqual([200, 200, 429, 429]);
	expect(await statuses(callWith(api, usual.key), 5)).toEqual([200, 200, 200, 200, 429]);
	expect(new Set(await statuses(callWith(api, free.key), 30))).toEqual(new Set([200]));
	expect(await statuses(callWith(api, FIRST), 2)).toEqual([200, 429]);
	const { body, headers } = await callWith(api, key)("GET", "/models");
	expect(body).toMatchObject({ code: "rate_limited", status: 429, detail: "This key may send 2 requests a minute." });
	expect(Number(headers["retry-after"])).toBeGreaterThan(0);
	expect(Number(headers["retry-after"])).toBeLessThanOrEqual(60);
	expect((await api.call("GET", "/healthz")).status).toBe(200);
});

test("nothing is limited unless somebody says so", async () => {
	const usual = await startApi({ API_KEYS: FIRST });
	try {
		expect(new Set(await statuses(callWith(usual, FIRST), 50))).toEqual(new Set([200]));
	} finally {
		await usual.close();
	}
}, 30_000);

test(isOnRedis
	? "processes that share a Redis count together"
	: "without Redis each process counts for itself", async () => {
	const { databaseUrl, queuePrefix } = api.app.config;
	const other = await startApi({ API_KEYS: FIRST, DATABASE_URL: databaseUrl, QUEUE_PREFIX: queuePrefix });
	try {
		const { key } = await makeKey(other, "shared", "serve", { rateLimit: 3 });
		await api.app.keys.refresh();
		expect(await statuses(callWith(other, key), 2)).toEqual([200, 200]);
		const here = await statuses(callWith(api, key), 4);
		expect(here).toEqual(isOnRedis ? [200, 429, 429, 429] : [200, 200, 200, 429]);
		expect(await statuses(callWith(other, key), 1)).toEqual([isOnRedis ? 429 : 200]);
	} finally {
		await other.close();
	}
}, 30_000);

test("while Redis is away nobody is held up by what cannot be counted", async () => {
	const away = await startApi({
		API_KEYS: FIRST,
		RATE_LIMIT: "1",
		REDIS_URL: "redis://127.0.0.1:1",
		DATABASE_URL: api.app.config.databaseUrl,
	});
	try {
		expect(await statuses(callWith(away, FIRST), 3)).toEqual([200, 200, 200]);
	} finally {
		await Promise.all([away.app.close(), away.trainer.close(), away.recommender.close()]);
	}
}, 30_000);
