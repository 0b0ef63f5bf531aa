// Which service is meant, and that keys are their owner's alone.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addressOf, contextsFile, readContexts, targetOf, writeContexts } from "../../services/cli/src/contexts.js";

const XDG_CONFIG_HOME = mkdtempSync(join(tmpdir(), "valence-contexts-"));
const file = contextsFile({ XDG_CONFIG_HOME });
const before = process.env.XDG_CONFIG_HOME;
beforeAll(() => {
	process.env.XDG_CONFIG_HOME = XDG_CONFIG_HOME;
});
afterAll(() => {
	if (before === undefined) delete process.env.XDG_CONFIG_HOME;
	else process.env.XDG_CONFIG_HOME = before;
});

const SHOP = { url: "https://shop.example", key: "k".repeat(24) };
const LAB = { url: "http://lab:3000" };

it("is kept in a file that only its owner reads, whatever was there", () => {
	expect(existsSync(file)).toBe(false);
	expect(readContexts(file)).toEqual({ current: null, contexts: {} });
	mkdirSync(join(file, ".."), { recursive: true });
	writeFileSync(file, '{"current": null, "contexts": {}}');
	chmodSync(file, 0o644);
	writeContexts({ current: "shop", contexts: { shop: SHOP, lab: LAB } }, file);
	expect(statSync(file).mode & 0o777).toBe(0o600);
	expect(readContexts(file)).toEqual({ current: "shop", contexts: { shop: SHOP, lab: LAB } });
});

it("is the one asked for, else of the environment, else the current one, else the one here", () => {
	const of = (asked: string | undefined, env: Record<string, string> = {}) => {
		const { url, key } = targetOf(asked, env);
		return { url, key };
	};
	const env = { VALENCE_URL: "http://there:1/", VALENCE_API_KEY: "other" };
	expect(of("lab", env)).toEqual({ ...LAB, key: undefined });
	expect(of(undefined, env)).toEqual({ url: "http://there:1", key: "other" });
	// A key goes to no service but its own.
	expect(of(undefined, { VALENCE_URL: "http://there:1" })).toEqual({ url: "http://there:1", key: undefined });
	expect(of(undefined)).toEqual(SHOP);
	expect(of(undefined, { VALENCE_API_KEY: "other" })).toEqual({ ...SHOP, key: "other" });
	writeContexts({ ...readContexts(file), current: null }, file);
	expect(targetOf(undefined, {})).toMatchObject({ isLocal: true });
	expect(targetOf("local", env)).toMatchObject({ isLocal: true });
	expect(() => of("constructor")).toThrow("there is no context constructor");
	expect(() => of("nowhere")).toThrow("there is no context nowhere; there are shop, lab");
});

it("takes addresses of HTTP only, and says when the file is damaged", () => {
	expect(addressOf("https://a.example/valence/")).toBe("https://a.example/valence");
	for (const wrong of ["a.example", "ftp://a", "", "localhost:3000"])
		expect(() => addressOf(wrong)).toThrow("is no address");
	const whole = readFileSync(file, "utf8");
	writeFileSync(file, whole.slice(0, -9));
	expect(() => readContexts(file)).toThrow(/contexts\.json is damaged/);
});
