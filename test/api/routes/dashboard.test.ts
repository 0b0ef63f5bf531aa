import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startApi, type TestApi } from "../../support/api.js";

const PAGE = '<meta name="csp-nonce" content="__CSP_NONCE__"><script type="module" src="/ui/assets/a-1.js"></script>';
const KEY = "a-key-of-24-characters-long";
const folder = mkdtempSync(join(tmpdir(), "valence-dashboard-"));
let api: TestApi;
beforeAll(async () => {
	mkdirSync(join(folder, "dist/assets"), { recursive: true });
	writeFileSync(join(folder, "dist/index.html"), PAGE);
	writeFileSync(join(folder, "dist/assets/a-1.js"), "export {}");
	writeFileSync(join(folder, "secret.txt"), "secret");
	api = await startApi({ DASHBOARD_DIR: join(folder, "dist"), API_KEYS: KEY });
});
afterAll(async () => {
	await api.close();
	rmSync(folder, { recursive: true });
});

test("the page and its paths are served without a key, each time with a fresh nonce that the policy names", async () => {
	const nonces = new Set<string>();
	const person = `/ui/users/${encodeURIComponent("漢".repeat(170))}`;
	const urls = ["/ui", "/ui/", "/ui/runs/1", "/ui/users/%3Cimg%3E", "/ui/users/a%2Fb%3F.css", person];
	for (const url of urls) {
		const { status, headers, body } = await api.call("GET", url);
		const nonce = /content="(\w{16,})"/.exec(body)?.[1] as string;
		expect([url, status, headers["cache-control"]]).toEqual([url, 200, "no-store"]);
		expect(headers["content-security-policy"]).toContain(`style-src 'self' 'nonce-${nonce}'`);
		// The worker that holds the stream of events for all tabs.
		expect(headers["content-security-policy"]).toContain("worker-src 'self'");
		nonces.add(nonce);
	}
	expect(nonces.size).toBe(urls.length);
	expect((await api.call("GET", "/")).headers.location).toBe("/ui/");
});

test("assets are kept by browsers; a missing one is no page", async () => {
	const { status, headers } = await api.call("GET", "/ui/assets/a-1.js");
	expect([status, headers["cache-control"]]).toEqual([200, "public, max-age=31536000, immutable"]);
	const missing = await api.call("GET", "/ui/assets/old-2.js");
	expect([missing.status, missing.body.code]).toEqual([404, "not_found"]);
});

test.each([
	"/ui/../secret.txt",
	"/ui/%2e%2e/secret.txt",
	"/ui/..%2fsecret.txt",
	"/ui/assets/..%2f..%2f..%2fsecret.txt",
	"/ui/%00",
])("%s leads nowhere", async (url) => {
	const { status, body } = await api.call("GET", url);
	expect(status).toBeLessThan(500);
	expect(JSON.stringify(body)).not.toContain('"secret"');
});
