// valence keys: what is made, listed and revoked, and what is said to a key that may not.
import { startApi, type TestApi } from "../support/api.js";
import { commandLine } from "../support/command-line.js";
import { bearer, FIRST } from "../support/keys.js";

let api: TestApi;
let url: string;
const cli = commandLine();
const valenceWith = (key: string, ...args: string[]) => cli.valence(args, { VALENCE_URL: url, VALENCE_API_KEY: key });
const valence = (...args: string[]) => valenceWith(FIRST, ...args);
beforeAll(async () => {
	api = await startApi({ API_KEYS: FIRST });
	url = await api.app.listen({ port: 0, host: "127.0.0.1" });
});
afterAll(() => api.close());

test("a key is made, does what its scope says, is listed without its secret, and revoked by its name", async () => {
	expect((await valence("keys")).stdout).toContain("There is no key but those of API_KEYS");
	const made = await valence("keys", "make", "shop", "--scope", "data", "--days", "2", "--rate", "600");
	expect([made.status, made.stderr]).toEqual([0, ""]);
	const [key] = /valence_[0-9a-f]{8}_[\w-]{43}/.exec(made.stdout) ?? [];
	if (!key) throw new Error(made.stdout);
	expect((await valenceWith(key, "datasets")).status).toBe(0);
	const refused = await valenceWith(key, "keys");
	expect([refused.status, refused.stderr]).toEqual([
		3,
		"This needs a key of scope admin; the one in use is of scope data.\n",
	]);
	const list = await valence("keys", "list");
	expect(list.stdout).toMatch(/shop +data +valence_[0-9a-f]{8} +active +600 +/);
	expect(list.stdout).not.toContain(key.slice(-43));
	expect(JSON.parse((await valence("keys", "--json")).stdout).items).toEqual(
		(await api.call("GET", "/keys", undefined, bearer(FIRST))).body.items,
	);
	expect((await valence("keys", "revoke", "shop")).stdout).toContain("is revoked");
	const after = await valenceWith(key, "datasets");
	expect([after.status, after.stderr]).toEqual([3, expect.stringContaining("does not take the key given")]);
	expect((await valence("keys", "list", "--revoked")).stdout).toMatch(/shop .* revoked/);
}, 60_000);

test("what is wrong is said before anything is sent, or by the service", async () => {
	for (const [args, said] of [
		[["make", "shop"], "--scope is needed"],
		[["make", "shop", "--scope", "root"], "scope takes"],
		[["make", "shop", "--scope", "serve", "--days", "0"], "--days takes a number above 0"],
		[["revoke", "nobody"], "there is no key nobody"],
		[["erase"], "erase is not known here"],
	] as const) {
		const { status, stderr } = await valence("keys", ...args);
		expect([args, status, stderr]).toEqual([args, 2, expect.stringContaining(said)]);
	}
	const { status, stderr } = await valence("keys", "make", "Shop", "--scope", "serve");
	expect([status, stderr]).toEqual([3, expect.stringContaining("/name")]);
}, 60_000);
