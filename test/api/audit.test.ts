// Who changed what, when, from where and how it ended: listed, in files, and without what must not be in it.
import { setTimeout as sleep } from "node:timers/promises";
import { startApi, type TestApi } from "../support/api.js";
import { callWith, FIRST, makeKey } from "../support/keys.js";

interface Line {
	at: string;
	by: string | null;
	keyId: string | null;
	route: string;
	resource: string;
	address: string;
	status: number | null;
	times: number;
}

let api: TestApi;
let admin: ReturnType<typeof callWith>;
beforeAll(async () => {
	api = await startApi({ API_KEYS: FIRST, TRUSTED_PROXIES: "127.0.0.0/8" });
	admin = callWith(api, FIRST);
});
afterAll(() => api.close());

/** How a request ended is written beside its answer. */
async function lines(query = "", isThere = (found: Line[]) => found.every(({ status }) => status !== null)) {
	for (let time = 0; ; time++) {
		const found = (await admin("GET", `/audit?limit=200${query}`)).body.items as Line[];
		if (isThere(found) || time > 50) return found;
		await sleep(20);
	}
}

test("a change has one line: who, what, when, from where, and how it ended", async () => {
	const { id, key } = await makeKey(api, "feeder", "data");
	const call = callWith(api, key);
	expect((await call("PUT", "/feeds/shop", {})).status).toBe(200);
	expect((await call("DELETE", "/feeds/nothing")).status).toBe(404);
	expect((await call("PUT", "/feeds/shop", { colour: "red" })).status).toBe(400);
	const found = await lines("&by=key%20feeder");
	expect(found.map(({ at: _, ...line }) => line)).toEqual(
		[
			["PUT /feeds/:name", "/feeds/shop", 400],
			["DELETE /feeds/:name", "/feeds/nothing", 404],
			["PUT /feeds/:name", "/feeds/shop", 200],
		].map(([route, resource, status]) => {
			return { by: "key feeder", keyId: id, route, resource, address: "127.0.0.1", status, times: 1 };
		}),
	);
	for (const { at } of found) expect(Math.abs(Date.now() - Date.parse(at))).toBeLessThan(30_000);
	const [made] = (await lines("&by=key%201")).filter(({ resource }) => resource === `/keys/${id}`);
	expect(made).toMatchObject({ by: "key 1", keyId: null, route: "POST /keys", status: 201 });
});

test("behind a proxy that is trusted, the address is that of who asked it", async () => {
	const headers = { authorization: `Bearer ${FIRST}`, "x-forwarded-for": "203.0.113.9" };
	await api.call("PUT", "/feeds/proxied", {}, headers);
	const line = (await lines()).find(({ resource }) => resource === "/feeds/proxied");
	expect(line?.address).toBe("203.0.113.9");
});

test("what a trusted proxy hands on and is no address is no address here", async () => {
	const headers = { authorization: `Bearer ${FIRST}`, "x-forwarded-for": "anna@example.org" };
	await api.call("PUT", "/feeds/disguised", {}, headers);
	const line = (await lines()).find(({ resource }) => resource === "/feeds/disguised");
	expect(line?.address).toBe("127.0.0.1");
});

test("what a key may not is counted by the minute, reads too, without what it asked for, and within its limit", async () => {
	const other = await startApi({ API_KEYS: FIRST, DATABASE_URL: api.app.config.databaseUrl });
	const { key } = await makeKey(other, "curious", "serve", { rateLimit: 5 });
	const call = callWith(other, key);
	for (const name of ["a", "b", "c"]) expect((await call("DELETE", `/feeds/${name}`)).status).toBe(403);
	for (let time = 0; time < 2; time++) expect((await call("GET", "/audit")).status).toBe(403);
	expect(await lines("&by=key%20curious")).toEqual([]);
	expect((await call("GET", "/audit")).status).toBe(429);
	await other.close();
	const found = await lines("&by=key%20curious");
	expect(found.map(({ route, resource, status, times }) => [route, resource, status, times])).toEqual([
		["GET /audit", "/audit", 403, 2],
		["DELETE /feeds/:name", "/feeds/:name", 403, 3],
	]);
}, 30_000);

test("what is counted while the log cannot be written is written once it can", async () => {
	const other = await startApi({ API_KEYS: FIRST, TIMING_SCALE: "100" });
	const { prisma } = other.app;
	try {
		const { id, key } = await makeKey(other, "patient", "serve", { rateLimit: 0 });
		const call = callWith(other, key);
		await sleep(100); // until the line of that key has its end
		await prisma.$executeRaw`ALTER TABLE audit_log RENAME TO audit_log_away`;
		const refused = jest.spyOn(prisma.auditEntry, "createMany");
		await call("DELETE", "/feeds/shop");
		while (refused.mock.calls.length === 0) await sleep(20);
		await call("DELETE", "/feeds/shop");
		await sleep(100);
		await prisma.$executeRaw`ALTER TABLE audit_log_away RENAME TO audit_log`;
		const written = () => prisma.auditEntry.aggregate({ where: { keyId: id }, _sum: { times: true } });
		for (let time = 0; time < 100 && (await written())._sum.times !== 2; time++) await sleep(20);
		expect((await written())._sum.times).toBe(2);
	} finally {
		await other.close();
	}
}, 30_000);

test("what changes nothing has no line: reading, asking for recommendations, being nobody, being over the limit", async () => {
	const before = await lines();
	await admin("GET", "/datasets");
	await admin("POST", "/recommendations", { items: ["a"] });
	await admin("POST", "/recommendations/batch", { users: ["a"] });
	await admin("POST", "/users/anna/recommendations", {});
	await api.call("PUT", "/feeds/shop", {});
	const { key } = await makeKey(api, "hasty", "data", { rateLimit: 1 });
	await callWith(api, key)("GET", "/datasets");
	expect((await callWith(api, key)("DELETE", "/feeds/shop")).status).toBe(429);
	expect(await lines()).toHaveLength(before.length + 1);
});

test("no secret, no body and no id of a person or an item is in it", async () => {
	const { key } = await makeKey(api, "careful", "admin");
	const call = callWith(api, key);
	await call("PUT", "/feeds/private", {});
	await call("POST", "/feeds/private/interactions", [{ user: "anna@example.org", item: "secret-item" }]);
	await call("DELETE", "/feeds/private/users/anna@example.org");
	await call("DELETE", "/feeds/private/users/anna");
	await call("PUT", "/deployments/not%20a%20name%20at%20all", { checkpoint: "x" });
	await call("PUT", "/deployments/default", { checkpoint: "00000000-0000-4000-8000-000000000000", reason: "hush" });
	const found = await lines();
	const resources = found.map(({ resource }) => resource);
	expect(resources).toContain("/feeds/private/users/:id");
	expect(resources).toContain("/deployments/:name");
	const stored = JSON.stringify(await api.app.prisma.auditEntry.findMany(), (_, value) =>
		typeof value === "bigint" ? String(value) : value,
	);
	expect(stored).toContain("/feeds/private");
	for (const word of ["anna", "secret-item", "hush", "not a", "not%20a", key.slice(-43), FIRST])
		expect([word, stored.includes(word)]).toEqual([word, false]);
});

test("what comes by the second is counted, and written by the minute at most, or at the end", async () => {
	const other = await startApi({ API_KEYS: FIRST, DATABASE_URL: api.app.config.databaseUrl });
	const { key } = await makeKey(other, "stream", "data");
	const call = callWith(other, key);
	await call("PUT", "/feeds/busy", {});
	for (let time = 0; time < 5; time++)
		expect((await call("POST", "/feeds/busy/interactions", [{ user: `u${time}`, item: "i" }])).status).toBe(200);
	await other.close();
	const found = await lines("&by=key%20stream");
	expect(found.map(({ route, resource, times }) => [route, resource, times])).toEqual([
		["POST /feeds/:name/interactions", "/feeds/busy/interactions", 5],
		["PUT /feeds/:name", "/feeds/busy", 1],
	]);
}, 30_000);

test("a change has its line before it begins: a process that dies leaves one without an end", async () => {
	const { prisma } = api.app;
	// The line of a request is there while it is at work.
	const seen: (number | null)[] = [];
	const { id } = await makeKey(api, "seen", "data");
	const hold = api.app.keys.refresh;
	api.app.keys.refresh = async () => {
		const line = await prisma.auditEntry.findFirst({ where: { resource: `/keys/${id}` }, orderBy: { id: "desc" } });
		seen.push(line ? line.status : -1);
		return hold();
	};
	await admin("DELETE", `/keys/${id}`);
	api.app.keys.refresh = hold;
	expect(seen).toEqual([null]);
});

test("pages and files hold every line once, newest first", async () => {
	await lines();
	const seen: Line[] = [];
	for (let cursor = ""; ; ) {
		const { body } = await admin("GET", `/audit?limit=7${cursor && `&cursor=${cursor}`}`);
		seen.push(...body.items);
		cursor = body.nextCursor;
		if (!cursor) break;
	}
	expect(seen.length).toBeGreaterThan(10);
	const ndjson = await admin("GET", "/audit/file");
	expect(ndjson.headers["content-disposition"]).toBe('attachment; filename="audit.ndjson"');
	expect(
		String(ndjson.body)
			.trim()
			.split("\n")
			.map((line) => JSON.parse(line)),
	).toEqual(seen);
	const [head, ...rows] = String((await admin("GET", "/audit/file?format=csv&by=key%20feeder")).body)
		.trim()
		.split("\n");
	expect(head).toBe("at,by,keyId,route,resource,address,status,times");
	expect(rows.map((row) => row.split(",").slice(3))).toEqual(
		seen
			.filter(({ by }) => by === "key feeder")
			.map(({ route, resource, address, status, times }) => [route, resource, address, String(status), String(times)]),
	);
	expect((await admin("GET", "/audit?cursor=bm90aGluZw")).body.code).toBe("invalid_cursor");
});

test("on loopback without keys a change has a line of nobody", async () => {
	const open = await startApi();
	try {
		await open.call("PUT", "/feeds/mine", {});
		const [line] = (await open.call("GET", "/audit")).body.items;
		expect(line).toMatchObject({ by: null, keyId: null, route: "PUT /feeds/:name", resource: "/feeds/mine" });
	} finally {
		await open.close();
	}
}, 30_000);
