import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HomeTaken, takeFreeHome, takeHome } from "../../services/supervisor/src/home/lock.js";
import { startOf } from "../../services/supervisor/src/identity.js";

const base = join(mkdtempSync(join(tmpdir(), "valence-home-")), "demo");
afterAll(() => rmSync(join(base, ".."), { recursive: true, force: true }));

it("lets one process have a home, and gives the next another", () => {
	const first = takeFreeHome(base);
	const second = takeFreeHome(base);
	expect([first.home, second.home]).toEqual([base, `${base}-2`]);
	expect(() => takeHome(base)).toThrow(HomeTaken);
	first.release();
	expect(takeFreeHome(base).home).toBe(base);
});

it("takes over from an owner that is dead, half-written or somebody else's pid by now", async () => {
	const child = spawn(process.execPath, ["-e", "setInterval(()=>{}, 1000)"]);
	const owner = { pid: child.pid, start: startOf(child.pid as number), address: "" };
	const home = `${base}-other`;
	takeHome(home).release();
	writeFileSync(join(home, "owner.json"), JSON.stringify(owner));
	expect(() => takeHome(home)).toThrow(HomeTaken);
	writeFileSync(join(home, "owner.json"), JSON.stringify({ ...owner, start: "1" }));
	takeHome(home).release();
	writeFileSync(join(home, "owner.json"), '{"pid": 1');
	takeHome(home).release();
	writeFileSync(join(home, "owner.json"), JSON.stringify(owner));
	child.kill("SIGKILL");
	await once(child, "exit");
	takeHome(home).release();
});
