// Keys that are made: shown once, kept as a digest, known to every process, and over at once when they are revoked.
import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { startApi, type TestApi } from "../support/api.js";
import { callWith, FIRST, makeKey } from "../support/keys.js";

let api: TestApi;
let admin: ReturnType<typeof callWith>;
beforeAll(async () => {
	api = await startApi({ API_KEYS: FIRST });
	admin = callWith(api, FIRST);
});
afterAll(() => api.close());

test("a key is shown once; of it only the digest is kept, and nothing lists it", async () => {
	const made = await admin("POST", "/keys", { name: "shop", scope: "serve" });
	expect(made.status).toBe(201);
	expect(made.headers).toMatchObject({ location: `/keys/${made.body.id}`, "cache-control": "no-store" });
	const { key, ...shown } = made.body;
	expect(key).toMatch(/^valence_[0-9a-f]{8}_[\w-]{43}$/);
	expect(Buffer.from(key.slice(-43), "base64url")).toHaveLength(32);
	expect(shown).toMatchObject({
		name: "shop",
		scope: "serve",
		state: "active",
		prefix: key.slice(0, 16),
		expiresAt: null,
	});
	expect((await admin("GET", `/keys/${made.body.id}`)).body).toEqual(shown);
	expect((await admin("GET", "/keys")).body.items).toContainEqual(shown);
	const row = await api.app.prisma.apiKey.findUniqueOrThrow({ where: { id: made.body.id } });
	expect(row.digest).toBe(createHash("sha256").update(key).digest("hex"));
	expect(JSON.stringify(row)).not.toContain(key.slice(-43));
	const asked = (await callWith(api, key)("GET", "/system")).body;
	expect(asked.key).toEqual({ name: "key shop", scope: "serve", expiresAt: null });
	expect((await admin("GET", "/system")).body.key).toEqual({ name: "key 1", scope: "admin", expiresAt: null });
});

test("a wrong field is named", async () => {
	const past = new Date(Date.now() - 1_000).toISOString();
	for (const [body, pointer] of [
		[{ scope: "serve" }, "/name"],
		[{ name: "1", scope: "serve" }, "/name"],
		[{ name: "Shop", scope: "serve" }, "/name"],
		[{ name: "a", scope: "root" }, "/scope"],
		[{ name: "a", scope: "serve", expiresAt: past }, "/expiresAt"],
		[{ name: "a", scope: "serve", expiresAt: "tomorrow" }, "/expiresAt"],
		[{ name: "a", scope: "serve", rateLimit: -1 }, "/rateLimit"],
		[{ name: "a", scope: "serve", rateLimit: 1.5 }, "/rateLimit"],
		[{ name: "a", scope: "serve", key: "mine" }, "/key"],
	] as const) {
		const answer = await admin("POST", "/keys", body);
		expect([answer.status, answer.body.errors?.[0]?.pointer]).toEqual([400, pointer]);
	}
});

test("two keys in use never have one name; that of a revoked one is free", async () => {
	const first = await makeKey(api, "nightly", "data");
	const second = await admin("POST", "/keys", { name: "nightly", scope: "train" });
	expect([second.status, second.body.code, second.body.errors[0].pointer]).toEqual([409, "conflict", "/name"]);
	expect((await admin("DELETE", `/keys/${first.id}`)).status).toBe(204);
	const third = await makeKey(api, "nightly", "train");
	const ids = async (url: string) => (await admin("GET", url)).body.items.map(({ id }: { id: string }) => id);
	expect(await ids("/keys")).toEqual(expect.not.arrayContaining([first.id]));
	expect(await ids("/keys?revoked=true")).toEqual(expect.arrayContaining([first.id, third.id]));
	expect((await admin("GET", `/keys/${first.id}`)).body.state).toBe("revoked");
	// Again it changes nothing; what was never there is missed.
	expect((await admin("DELETE", `/keys/${first.id}`)).status).toBe(204);
	expect((await admin("DELETE", "/keys/00000000-0000-4000-8000-000000000000")).status).toBe(404);
});

test("the list goes on from page to page", async () => {
	for (const name of ["p-one", "p-two", "p-three"]) await makeKey(api, name, "serve");
	const seen: string[] = [];
	for (let cursor: string | null = ""; cursor !== null; ) {
		const { body } = await admin("GET", `/keys?limit=2${cursor && `&cursor=${cursor}`}`);
		seen.push(...body.items.map(({ name }: { name: string }) => name));
		cursor = body.nextCursor;
	}
	expect(new Set(seen).size).toBe(seen.length);
	expect(seen).toEqual(expect.arrayContaining(["p-one", "p-two", "p-three"]));
});

test("a key is over at its time, without anybody reading it again", async () => {
	const expiresAt = new Date(Date.now() + 1_500).toISOString();
	const { id, key } = await makeKey(api, "short", "data", { expiresAt });
	const call = callWith(api, key);
	expect((await call("GET", "/datasets")).status).toBe(200);
	await sleep(1_600);
	expect((await call("GET", "/datasets")).status).toBe(401);
	expect((await admin("GET", `/keys/${id}`)).body.state).toBe("expired");
});

test("another process takes a new key, and no longer a revoked one, within a second; streams of the key end", async () => {
	const other = await startApi({ API_KEYS: FIRST, DATABASE_URL: api.app.config.databaseUrl });
	try {
		const url = await other.app.listen({ port: 0, host: "127.0.0.1" });
		const { id, key } = await makeKey(api, "travels", "train");
		const status = async () => (await callWith(other, key)("GET", "/experiments")).status;
		const within = async (expected: number) => {
			const began = Date.now();
			while ((await status()) !== expected && Date.now() - began < 5_000) await sleep(10);
			return Date.now() - began;
		};
		expect(await within(200)).toBeLessThan(1_000);
		const run = (await api.experiment(["RUNNING"])).runs[0];
		const stream = await fetch(`${url}/runs/${run}/events`, { headers: { authorization: `Bearer ${key}` } });
		expect(stream.status).toBe(200);
		const ended = stream.text().then(
			() => "whole",
			() => "cut off",
		);
		expect((await admin("DELETE", `/keys/${id}`)).status).toBe(204);
		expect(await callWith(api, key)("GET", "/experiments")).toMatchObject({ status: 401 });
		expect(await within(401)).toBeLessThan(1_000);
		expect(await ended).toBe("cut off");
	} finally {
		await other.close();
	}
}, 30_000);

test("when a key was last used is kept to the minute, and by the process's end", async () => {
	const other = await startApi({ API_KEYS: FIRST, DATABASE_URL: api.app.config.databaseUrl });
	const { id, key } = await makeKey(other, "used", "serve");
	for (let time = 0; time < 3; time++) await callWith(other, key)("GET", "/models");
	const before = await api.app.prisma.apiKey.findUniqueOrThrow({ where: { id } });
	expect(before.lastUsedAt).toBeNull();
	await other.close();
	const after = await api.app.prisma.apiKey.findUniqueOrThrow({ where: { id } });
	expect(Math.abs(Date.now() - (after.lastUsedAt?.getTime() ?? 0))).toBeLessThan(10_000);
}, 30_000);

test("keys that cannot be read again after a change are made and revoked all the same", async () => {
	const unread = jest.spyOn(api.app.prisma.apiKey, "findMany");
	try {
		unread.mockRejectedValue(new Error("it is away"));
		const made = await admin("POST", "/keys", { name: "unread", scope: "serve" });
		expect(made.status).toBe(201);
		unread.mockRestore();
		await api.app.keys.refresh();
		const call = callWith(api, made.body.key);
		expect((await call("GET", "/models")).status).toBe(200);
		const again = jest.spyOn(api.app.prisma.apiKey, "findMany").mockRejectedValue(new Error("it is away"));
		expect((await admin("DELETE", `/keys/${made.body.id}`)).status).toBe(204);
		expect((await call("GET", "/models")).status).toBe(401);
		again.mockRestore();
	} finally {
		jest.restoreAllMocks();
	}
});

test("when a key was last used is written later where it cannot be at once", async () => {
	const other = await startApi({ API_KEYS: FIRST, DATABASE_URL: api.app.config.databaseUrl, TIMING_SCALE: "100" });
	try {
		const { id, key } = await makeKey(other, "used-late", "serve");
		const refused = jest.spyOn(other.app.prisma.apiKey, "updateMany").mockRejectedValueOnce(new Error("it is away"));
		await callWith(other, key)("GET", "/models");
		while (refused.mock.calls.length === 0) await sleep(20);
		refused.mockRestore();
		const usedAt = async () => (await api.app.prisma.apiKey.findUniqueOrThrow({ where: { id } })).lastUsedAt;
		for (let time = 0; time < 100 && (await usedAt()) === null; time++) await sleep(20);
		expect(await usedAt()).not.toBeNull();
	} finally {
		await other.close();
	}
}, 30_000);

test("no request asks the database whether its key is one", async () => {
	const { key } = await makeKey(api, "quiet", "serve");
	const asked = jest.spyOn(api.app.prisma.apiKey, "findMany");
	for (let time = 0; time < 20; time++)
		expect((await callWith(api, key)("GET", "/metric-definitions")).status).toBe(200);
	// But for what is read again now and then.
	expect(asked.mock.calls.length).toBeLessThan(3);
	asked.mockRestore();
});

test("on loopback without API_KEYS nobody needs a key, but one that is sent is held to", async () => {
	const open = await startApi();
	try {
		const made = await open.call("POST", "/keys", { name: "held", scope: "serve" });
		expect(made.status).toBe(201);
		const call = callWith(open, made.body.key);
		expect((await open.call("GET", "/datasets")).status).toBe(200);
		expect((await callWith(open, "anything else")("GET", "/datasets")).status).toBe(200);
		expect([(await call("GET", "/models")).status, (await call("GET", "/datasets")).status]).toEqual([200, 403]);
		expect((await open.call("DELETE", `/keys/${made.body.id}`)).status).toBe(204);
		expect((await call("GET", "/models")).status).toBe(401);
	} finally {
		await open.close();
	}
}, 30_000);
