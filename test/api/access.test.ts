// Who may ask what: keys, host names, security headers.
import { randomUUID } from "node:crypto";
import { connect } from "node:net";
import Fastify from "fastify";
import { BadSetting, MACHINE_NAME, machineNameOf, readConfig } from "../../services/api/src/config.js";
import { startApi, type TestApi } from "../support/api.js";
import { routesOf } from "../support/routes.js";

const KEY = "first-key-of-24-characters";
const OTHER = "second-key-of-24-characters";

describe("with API keys", () => {
	let api: TestApi;
	beforeAll(async () => {
		api = await startApi({ API_KEYS: `${KEY}, ${OTHER}` });
	});
	afterAll(() => api.close());

	test("every route but health needs one", async () => {
		const routes = routesOf(api.app);
		expect(routes.length).toBeGreaterThan(20);
		for (const { method, url } of routes) {
			const { status, headers, body } = await api.call(method, url);
			if (["/healthz", "/readyz"].includes(url)) {
				expect([url, status]).toEqual([url, 200]);
			} else {
				expect([method, url, status, body.code]).toEqual([method, url, 401, "unauthorized"]);
				expect(headers["www-authenticate"]).toBe("Bearer");
			}
		}
	});

	test.each([
		"/nowhere",
		"/docs/../datasets",
		"/docs/%2e%2e/datasets",
		"/openapi.json/../datasets",
		"//datasets",
		"/ui/../datasets",
		"/%64atasets",
		"/healthz/../datasets",
		"/DATASETS",
	])("%s is no way around", async (url) => {
		const { status, body } = await api.call("GET", url);
		expect([401, 404]).toContain(status);
		expect(body.items).toBeUndefined();
	});

	test("each key opens; anything else does not", async () => {
		for (const authorization of [`Bearer ${KEY}`, `bearer ${OTHER}`]) {
			expect((await api.call("GET", "/datasets", undefined, { authorization })).status).toBe(200);
		}
		for (const authorization of [
			"",
			KEY,
			`Basic ${KEY}`,
			`Bearer ${KEY}x`,
			`Bearer ${KEY.slice(1)}`,
			"Bearer",
			`Bearer ${KEY},${OTHER}`,
		]) {
			expect((await api.call("GET", "/datasets", undefined, { authorization })).status).toBe(401);
		}
	});

	test("a body is not read before the key is known", async () => {
		const { status } = await api.call("POST", "/experiments", "{", { "content-type": "application/json" });
		expect(status).toBe(401);
	});

	test("the files of dashboard and documentation are public, what they show is not", async () => {
		for (const url of ["/", "/ui/", "/docs", "/docs/", "/docs/static/swagger-ui.css", "/errors"]) {
			expect([url, [200, 302].includes((await api.call("GET", url)).status)]).toEqual([url, true]);
		}
		// The page asks for the key where its description says that there is one.
		const { body } = await api.call("GET", "/openapi.json");
		expect(body.components.securitySchemes).toMatchObject({ key: { type: "http", scheme: "bearer" } });
		expect(body.security).toContainEqual({ key: [] });
		expect((await api.call("POST", "/openapi.json")).status).toBe(401);
		expect((await api.call("GET", "/metrics")).status).toBe(401);
		expect((await api.call("GET", "/metrics", undefined, { authorization: `Bearer ${KEY}` })).status).toBe(200);
		expect((await api.call("GET", "/system", undefined, { authorization: `Bearer ${KEY}` })).body.authentication).toBe(
			true,
		);
	});
});

describe("without keys, on loopback", () => {
	let api: TestApi;
	let port: number;
	beforeAll(async () => {
		api = await startApi({ ALLOWED_HOSTS: "valence.example" });
		port = Number(new URL(await api.app.listen({ port: 0, host: "127.0.0.1" })).port);
	});
	afterAll(() => api.close());

	test.each(["localhost", "127.0.0.1:3000", "[::1]:80", "LOCALHOST", "valence.example"])(
		"serves the host %s",
		async (host) => {
			expect((await api.call("GET", "/datasets", undefined, { host })).status).toBe(200);
		},
	);
	test.each(["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "valence.example.evil"])(
		"refuses the host %p: a page elsewhere cannot reach it by DNS rebinding",
		async (host) => {
			const { status, body } = await api.call("GET", "/datasets", undefined, { host });
			expect([status, body.code]).toEqual([403, "host_not_allowed"]);
		},
	);

	test.each([
		["http://evil.example", 403],
		["null", 403],
		["http://localhost:81", 403],
		["http://localhost", 404],
		[undefined, 404],
	])("a page of %p that changes something is answered %i", async (origin, expected) => {
		const headers = { host: "localhost", ...(origin && { origin }) };
		for (const url of ["/runs", "/experiments"]) {
			const { status, body } = await api.call("POST", `${url}/${randomUUID()}/cancel`, undefined, headers);
			expect([status, body.code]).toEqual([expected, expected === 403 ? "cross_site" : "not_found"]);
		}
		expect((await api.call("GET", "/datasets", undefined, headers)).status).toBe(200);
	});

	test("every answer carries the security headers, errors included", async () => {
		for (const url of ["/datasets", "/nowhere", "/openapi.json", "/healthz"]) {
			const { headers } = await api.call("GET", url);
			const policy = String(headers["content-security-policy"]);
			for (const part of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]) {
				expect(policy).toContain(part);
			}
			expect(policy).not.toContain("unsafe");
			expect(headers["x-content-type-options"]).toBe("nosniff");
			expect(headers["referrer-policy"]).toBe("no-referrer");
		}
	});

	const raw = (bytes: string) =>
		new Promise<string>((resolve) => {
			let text = "";
			const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
			socket.on("data", (data) => (text += data)).on("error", () => undefined);
			socket.on("close", () => resolve(text));
			setTimeout(() => socket.destroy(), 3_000).unref();
		});
	test.each([
		["no HTTP at all", "hello\r\n\r\n", 400],
		[
			"two lengths",
			"POST /experiments HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
			400,
		],
		[
			"length and chunks",
			"POST /experiments HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			400,
		],
		["headers without end", `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: ${"a".repeat(20_000)}\r\n\r\n`, 431],
	])("bytes that are %s get problem details", async (_, bytes, status) => {
		const text = await raw(bytes);
		expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
		expect(text).toContain("application/problem+json");
		expect(JSON.parse(text.slice(text.indexOf("\r\n\r\n")))).toMatchObject({ status });
	});
});

describe("configuration", () => {
	const base = { DATABASE_URL: "postgresql://localhost/x" };
	test("anything but loopback without a key is refused, naming what is missing", () => {
		for (const HOST of ["0.0.0.0", "::", "192.168.1.2", "example.org"]) {
			expect(() => readConfig({ ...base, HOST })).toThrow(BadSetting);
			expect(() => readConfig({ ...base, HOST })).toThrow(/^API_KEYS /);
			expect(readConfig({ ...base, HOST, API_KEYS: KEY }).apiKeys).toEqual([KEY]);
		}
		for (const HOST of ["127.0.0.1", "::1", "localhost"]) expect(readConfig({ ...base, HOST }).host).toBe(HOST);
	});
	test.each(["0.0.0.0/0", "::/0", "10.0.0.0/33", "10.0.0.0/", "10.0.0/8", "anywhere"])(
		"%s is no network of proxies",
		(TRUSTED_PROXIES) => {
			expect(() => readConfig({ ...base, TRUSTED_PROXIES })).toThrow(/^TRUSTED_PROXIES /);
		},
	);
	test.each(["127.0.0.1", "10.0.0.0/8", "0.0.0.0/1", "::1", "fd00::/8", "::/1", "::ffff:10.0.0.1"])(
		"%s is one, with which the api starts",
		async (TRUSTED_PROXIES) => {
			const { trustedProxies } = readConfig({ ...base, TRUSTED_PROXIES });
			await Fastify({ trustProxy: trustedProxies }).ready();
		},
	);
	test.each([
		["web-1.example.org", "web-1-example-org"],
		["-box_2", "box-2"],
		["…", "machine"],
	])("a machine on the host %s is called %s", (host, name) => {
		expect(machineNameOf(host)).toBe(name);
		expect(name).toMatch(new RegExp(MACHINE_NAME));
	});
	test.each([
		["API_KEYS", ["", KEY, `${KEY}, ${KEY}x`], [",", " , ", `${KEY} ${KEY}`, `${KEY}ü`, "short"]],
		["ALLOWED_HOSTS", ["shop.example", "10.0.0.7,::1"], ["https://shop.example", "shop.example:443", "a b"]],
		["QUEUE_PREFIX", ["valence", "_a1", "a".repeat(40)], ["1a", "A", "a-b", "a".repeat(41)]],
		["MACHINE_CLASS", ["cpu", "gpu-a100"], ["any", "Any", "a_b"]],
		["TRAINER_ADDRESS", ["trainer:50051", "[::1]:1"], ["trainer", "trainer:0", "trainer:65536", "http://trainer:1"]],
	])("%s is what whoever uses it can take", (name, good, bad) => {
		for (const value of good) expect(() => readConfig({ ...base, [name]: value })).not.toThrow();
		for (const value of bad)
			expect(() => readConfig({ ...base, [name]: value })).toThrow(new RegExp(`^${name} must be `));
	});
	test("an address of a collector of traces is one", () => {
		const at = (OTEL_EXPORTER_OTLP_ENDPOINT: string) => readConfig({ ...base, OTEL_EXPORTER_OTLP_ENDPOINT }).traces;
		expect(at("http://collector:4318")).toBe(true);
		expect(() => at("notaurl")).toThrow(/^OTEL_EXPORTER_OTLP_ENDPOINT must be /);
	});
	test("a short key is refused without being shown", () => {
		expect(() => readConfig({ ...base, API_KEYS: "secret" })).toThrow(/^API_KEYS (?!.*secret)/);
	});
});
