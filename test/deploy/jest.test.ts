// Our test files are modules of Node (ADR 0044). What we rely on in Jest holds all the same: a check that does not hold fails, what hangs ends.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
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
/** The one leaves everything as it should not; the other looks what is left. */
const CARELESS = `
test("leaves a spy, a clock and variables behind", () => {
	jest.spyOn(Math, "random").mockReturnValue(7);
	jest.useFakeTimers();
	process.env.LEFT = "behind";
	delete process.env.HOME;
	expect(() => process.exit(0)).toThrow("would end all tests");
});
`;
const AFTER = `
import { setTimeout as sleep } from "node:timers/promises";
test("finds none of it", async () => {
	expect([Math.random() < 1, process.env.LEFT, typeof process.env.HOME]).toEqual([true, undefined, "string"]);
	let rang = false;
	setTimeout(() => { rang = true; }, 10);
	await sleep(100);
	expect(rang).toBe(true);
});
`;

let folder: string;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), "valence-jest-"));
	symlinkSync(join(process.cwd(), "node_modules"), join(folder, "node_modules"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What became of the tests of these files, by name. */
function tried(files: Record<string, string>): { status: number | null; outcomes: Record<string, string> } {
	const roots = mkdtempSync(join(folder, "tried-"));
	for (const [name, text] of Object.entries(files)) writeFileSync(join(roots, `${name}.test.ts`), text);
	const report = join(roots, "report.json");
	const given = ["run", "-s", "jest", "--", "--json", `--outputFile=${report}`, "--roots", roots];
	const { status } = spawnSync("npm", given, { timeout: 50_000 });
	const { testResults } = JSON.parse(readFileSync(report, "utf8")) as {
		testResults: { assertionResults: { title: string; status: string }[] }[];
	};
	const all = testResults.flatMap(({ assertionResults }) => assertionResults);
	return { status, outcomes: Object.fromEntries(all.map(({ title, status }) => [title, status])) };
}

test("each test comes to what it should", () => {
	expect(tried({ tried: TRIED })).toEqual({
		status: 1,
		outcomes: {
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
		},
	});
});

test("spies, clocks and variables of one file are none of the next", () => {
	// Larger files are run first.
	expect(tried({ careless: `${CARELESS}// ${"-".repeat(AFTER.length)}\n`, next: AFTER })).toEqual({
		status: 0,
		outcomes: { "leaves a spy, a clock and variables behind": "passed", "finds none of it": "passed" },
	});
});
