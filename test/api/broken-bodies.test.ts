// Bodies that break off, stop coming, or are nested without end; times at the edge of the calendar; words that several keys use.
import { connect } from "node:net";
import { startApi, type TestApi } from "../support/api.js";

const KEY = "a-key-of-at-least-24-characters";
const OTHER = "one-more-of-at-least-24-characters";
let api: TestApi;
let port: number;
beforeAll(async () => {
	api = await startApi({ API_KEYS: `${KEY},${OTHER}`, TIMING_SCALE: "100" }); // a silence of 1.2 s
	port = Number(new URL(await api.app.listen({ port: 0, host: "127.0.0.1" })).port);
	const run = (await api.experiment(["SUCCEEDED"])).runs[0] as string;
	await call("PUT", "/deployments/default", { checkpoint: await api.checkpoint(run) });
	await call("PUT", "/feeds/shop");
});
afterAll(() => api?.close());

const call: TestApi["call"] = (method, url, payload, headers = {}) =>
	api.call(method, url, payload, { authorization: `Bearer ${KEY}`, ...headers });

describe("nested without end", () => {
	const lists = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;
	test.each([
		["POST", "/recommendations", (deep: string) => `{"items":${deep}}`],
		["POST", "/experiments", (deep: string) => `{"models":[{"model":"valid","params":{"k":${deep}}}]}`],
		["POST", "/keys", (deep: string) => `{"name":${deep}}`],
		["PUT", "/feeds/shop/items", (deep: string) => `{"items":${deep}}`],
		["POST", "/feeds/shop/snapshots", (deep: string) => `{"rule":${deep}}`],
		["POST", "/feeds/shop/interactions", (deep: string) => `[${deep}]`],
	] as const)("%s %s", async (method, url, body) => {
		for (const levels of [70, 3_000, 100_000]) {
			const { status } = await call(method, url, body(lists(levels)), { "content-type": "application/json" });
			expect([levels, status]).toEqual([levels, 400]);
		}
	});
});

describe("a multipart body that ends too early", () => {
	const BOUNDARY = "edge";
	const rows = Array.from({ length: 20_000 }, (_, row) => `u${row},i${row % 50}\n`).join("");
	const part = (name: string) =>
		`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"; filename="a.csv"\r\nContent-Type: text/csv\r\n\r\nuser,item\n${rows}\r\n`;
	test.each([
		["/datasets", "interactions"],
		["/datasets/preview", "interactions"],
		["/feeds/shop/imports", "interactions"],
	])("%s", async (url, role) => {
		const whole = `${part(role)}--${BOUNDARY}--\r\n`;
		const type = { "content-type": `multipart/form-data; boundary=${BOUNDARY}` };
		for (const length of [10, 60, 5_000, 100_000, whole.length - 30, whole.length - 10, whole.length - 3]) {
			const { status, body } = await call("POST", url, whole.slice(0, length), type);
			expect([length, status, body.code]).toEqual([length, 400, "invalid_request"]);
		}
	});
});

describe("a body that stops coming", () => {
	/** Milliseconds until the connection is closed. */
	const closed = (head: string, some: string) =>
		new Promise<number>((resolve) => {
			const begun = Date.now();
			const socket = connect(port, "127.0.0.1", () => socket.write(`${head}\r\n\r\n${some}`));
			socket.on("error", () => undefined).on("close", () => resolve(Date.now() - begun));
			setTimeout(() => socket.destroy(), 6_000);
		});
	const request = (line: string, type: string) =>
		`${line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: ${type}\r\nContent-Length: 30000`;
	test("is given up with its connection", async () => {
		expect(await closed(request("POST /recommendations", "application/json"), '{"items":')).toBeLessThan(5_000);
		const file = '--edge\r\nContent-Disposition: form-data; name="interactions"; filename="a.csv"\r\n\r\nuser,item\n';
		expect(await closed(request("POST /datasets", "multipart/form-data; boundary=edge"), file)).toBeLessThan(5_000);
	});
	test("but a stream of rows may wait for the next one", async () => {
		expect(await closed(request("POST /feeds/shop/interactions", "application/x-ndjson"), "")).toBeGreaterThan(5_000);
	});
});

test("times whose zone leads out of the calendar are refused, and nothing is kept", async () => {
	for (const at of ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+23:59"]) {
		const key = await call("POST", "/keys", { name: "forever", scope: "serve", expiresAt: at });
		expect([at, key.status, key.body.errors?.[0].pointer]).toEqual([at, 400, "/expiresAt"]);
		const body = { steer: [{ interest: 0, weight: 2 }], until: at };
		const steered = await call("PUT", "/users/u1/steering", body);
		expect([at, steered.status, steered.body.errors?.[0].pointer]).toEqual([at, 400, "/until"]);
		const snapshot = await call("POST", "/feeds/shop/snapshots", { rule: { since: at } });
		expect([at, snapshot.status, snapshot.body.errors?.[0].pointer]).toEqual([at, 400, "/rule/since"]);
	}
	expect((await call("GET", "/keys")).body.items).toEqual([]);
});

test("an Idempotency-Key is a word of the key that asks", async () => {
	const dataset = await api.dataset();
	const body = { dataset, models: [{ model: "valid" }] };
	const ask = async (key: string) =>
		call("POST", "/experiments", body, { authorization: `Bearer ${key}`, "idempotency-key": "today" });
	const [first, again, other] = [await ask(KEY), await ask(KEY), await ask(OTHER)];
	expect(again.body.id).toBe(first.body.id);
	expect([other.status, other.body.id === first.body.id]).toEqual([202, false]);
});
