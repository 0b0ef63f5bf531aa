// `npm test` in a fresh clone, where nothing is there yet: only its own scripts, with a set-up that says that it was called.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

let clone: string;
beforeAll(() => {
	clone = mkdtempSync(join(tmpdir(), "valence-clone-"));
	cpSync("scripts", join(clone, "scripts"), { recursive: true });
	writeFileSync(
		join(clone, "scripts/setup.mjs"),
		`export async function setup({ forTests }) { throw new Error("called " + (forTests ? "for tests" : "for use")); }`,
	);
});
afterAll(() => rmSync(clone, { recursive: true, force: true }));

test.each([[[]], [["--only", "lint"]], [["--only", "no such step"]]])("set-up comes before everything: %j", (args) => {
	const { status, stdout, stderr } = spawnSync(process.execPath, ["scripts/test.mjs", ...args], {
		cwd: clone,
		encoding: "utf8",
	});
	expect([status, stderr]).toEqual([1, ""]);
	expect(stdout).toMatch(/^» set-up …\ncalled for tests\n {2}set-up: FAILED .*\n\n0 passed, 1 failed\n$/);
});
