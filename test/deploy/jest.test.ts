// Our test files are modules of Node (ADR 0044). What we rely on in Jest holds all the same: a check that does not hold fails, what hangs ends.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const TRIED = `
import { setTimeout as sleep } from "node:timers/promises";
jest.setTimeout(500);
let begun = 0;
beforeEach(() => { begun++; });
const KINDS = [Number, String, Array, Object, Date, RegExp, Boolean, Function, BigInt, Map, Set, Error];
const VALUES = [1, "a", [1], { a: 1 }, new Date(), /a/, true, () => 1, 1n, new Map(), new Set(), new TypeError("a")];

test("passes", () => expect(begun).toBe(1));
test("differs", () => expect({ a: 1 }).toEqual({ a: expect.any(String) }));
test("any of a kind", () => expect(VALUES).toEqual(KINDS.map((kind) => expect.any(kind))));
test("rejects", () => expect(Promise.reject(new RangeError("no"))).rejects.toThrow(RangeError));
test("rejects otherwise", () => expect(Promise.reject(new RangeError("no"))).rejects.toThrow(TypeError));
test("asserts less than it says", () => { expect.assertions(1); });
test("hangs", () => sleep(60_000, undefined, { ref: false }));
test("throws behind its back", async () => { setTimeout(() => { throw new Error("late"); }); await sleep(100); });
test("a clock that stands", async () => {
	jest.useFakeTimers();
	let rang = false;
	setTimeout(() => { rang = true; }, 1e6);
	await jest.advanceTimersByTimeAsync(1e6);
	jest.useRealTimers();
	expect(rang).toBe(true);
});
test("a spy", () => {
	const spy = jest.spyOn(Math, "random").mockReturnValue(7);
	expect(Math.random()).toBe(7);
	jest.restoreAllMocks();
	expect(Math.random()).toBeLessThan(1);
});
test.skip("skipped", () => undefined);
describe("a broken hook", () => {
	beforeAll(() => { throw new Error("no"); });
	test("has nothing to stand on", () => undefined);
});
`;
let folder: string;
beforeAll(() => {
	folder = mkdtempSync(join(process.cwd(), "test/deploy/tried-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("each test comes to what it should", () => {
	writeFileSync(join(folder, "tried.test.ts"), TRIED);
	const report = join(folder, "report.json");
	const { status } = spawnSync("npm", ["run", "-s", "jest", "--", "--json", `--outputFile=${report}`, folder]);
	expect(status).toBe(1);
	const [{ assertionResults }] = JSON.parse(readFileSync(report, "utf8")).testResults;
	expect(
		Object.fromEntries(assertionResults.map(({ title, status }: Record<string, string>) => [title, status])),
	).toEqual({
		passes: "passed",
		differs: "failed",
		"any of a kind": "passed",
		rejects: "passed",
		"rejects otherwise": "failed",
		"asserts less than it says": "failed",
		hangs: "failed",
		"throws behind its back": "failed",
		"a clock that stands": "passed",
		"a spy": "passed",
		skipped: "pending",
		"has nothing to stand on": "failed",
	});
});
