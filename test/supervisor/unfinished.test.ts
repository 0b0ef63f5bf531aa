// The mark of a restore and what it guards, at the moments in which a kill would hurt most.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import {
	begin,
	clear,
	filesIn,
	findUnfinished,
	finish,
	lockArtifacts,
	refuseUnfinished,
	tablesFolder,
} from "../../services/supervisor/src/backup/unfinished.js";

const BUILT = pathToFileURL("services/supervisor/dist/backup/unfinished.js").href;
const TABLES = 2_000;
const GIVEN = { file: "/b.valence", digest: "d", database: "database valence" };

let artifacts: string;
beforeEach(() => {
	artifacts = mkdtempSync(join(tmpdir(), "valence-unfinished-"));
});
afterEach(() => rmSync(artifacts, { recursive: true, force: true }));

const tablesLeft = () => (existsSync(tablesFolder(artifacts)) ? readdirSync(tablesFolder(artifacts)).length : 0);

test.each(["finish", "clear"])(
	"%s that is killed leaves the mark as long as anything else of a restore",
	async (what) => {
		begin(artifacts, GIVEN);
		for (let n = 0; n < TABLES; n++) writeFileSync(join(tablesFolder(artifacts), `t${n}`), "");
		const code = `import * as unfinished from "${BUILT}"; unfinished.${what}(${JSON.stringify(artifacts)});`;
		const child = spawn(process.execPath, ["--input-type=module", "--eval", code], { stdio: "inherit" });
		const gone = once(child, "exit");
		while (tablesLeft() === TABLES && findUnfinished(artifacts)) await sleep(2);
		child.kill("SIGKILL");
		await gone;
		expect(findUnfinished(artifacts) !== null || tablesLeft() === 0).toBe(true);
		finish(artifacts);
		expect(() => refuseUnfinished(artifacts)).not.toThrow();
	},
);

test("without its mark nothing is unfinished, and the folder goes with the next lock", () => {
	mkdirSync(tablesFolder(artifacts), { recursive: true });
	writeFileSync(join(artifacts, ".restore/restore.json.half"), "{");
	refuseUnfinished(artifacts);
	expect([findUnfinished(artifacts), filesIn(artifacts)]).toEqual([null, []]);
	lockArtifacts(artifacts).release();
	expect(readdirSync(artifacts)).toEqual([]);
});

test("what trainers that ended have left of their locks is in nobody's way", () => {
	mkdirSync(join(artifacts, ".writers"));
	writeFileSync(join(artifacts, ".writers/0123456789abcdef"), "");
	writeFileSync(join(artifacts, "data"), "");
	expect(filesIn(artifacts)).toEqual([join(artifacts, "data")]);
});

test("a lock leaves an unfinished restore, and no folder that was not there", () => {
	const lock = lockArtifacts(artifacts);
	begin(artifacts, GIVEN);
	writeFileSync(join(artifacts, "data"), "");
	expect(() => refuseUnfinished(artifacts)).toThrow(`process ${process.pid} is restoring /b.valence`);
	expect(() => lockArtifacts(artifacts)).toThrow(`process ${process.pid} is restoring into ${artifacts}`);
	lock.release();
	expect(findUnfinished(artifacts)).toMatchObject(GIVEN);
	expect(() => refuseUnfinished(artifacts)).toThrow("run it again: npx valence restore /b.valence");
	const next = lockArtifacts(artifacts);
	clear(artifacts);
	next.release();
	expect(readdirSync(artifacts)).toEqual([]);
	const none = join(artifacts, "none");
	lockArtifacts(none).release();
	expect(existsSync(none)).toBe(false);
});
