// npm run demo as its users run it: twice at once, from a folder that only root can enter, and after a kill -9.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const DEMO = fileURLToPath(new URL("../../services/supervisor/dist/demo.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "valence demo-"));
const home = join(folder, "private", "home");
mkdirSync(home, { recursive: true });
chmodSync(join(folder, "private"), 0o700);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

class Demo {
	output = "";
	readonly process: ChildProcess;

	constructor(epochs: number) {
		const { DATABASE_URL: _, REDIS_URL: __, ...env } = process.env;
		this.process = spawn(process.execPath, [DEMO, "--set", `epochs=${epochs}`], {
			cwd: folder,
			env: { ...env, VALENCE_HOME: home },
			stdio: ["ignore", "pipe", "pipe"],
		});
		for (const stream of [this.process.stdout, this.process.stderr]) {
			stream?.on("data", (chunk) => {
				this.output += chunk;
			});
		}
	}

	async status(): Promise<number | null> {
		if (this.process.exitCode === null && this.process.signalCode === null) await once(this.process, "exit");
		return this.process.exitCode;
	}

	async says(text: string): Promise<void> {
		for (let waited = 0; !this.output.includes(text); waited += 100) {
			if (this.process.exitCode !== null || waited > 90_000) throw new Error(`never said ${text}:\n${this.output}`);
			await sleep(100);
		}
	}
}

/** Processes that have the home's path in their arguments or environment. */
function living(): string[] {
	return readdirSync("/proc").filter((pid) => {
		if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false;
		try {
			return readFileSync(`/proc/${pid}/environ`, "utf8").includes(`VALENCE_HOME=${home}`);
		} catch {
			return false;
		}
	});
}

test("two at once both end well, each with its own home and ports", async () => {
	const both = [new Demo(2), new Demo(2)];
	for (const demo of both) {
		expect([await demo.status(), demo.output]).toEqual([0, expect.stringContaining("Shut everything down")]);
		expect(demo.output).toMatch(/popularity\s+0\.\d{4}/);
		expect(demo.output).toMatch(/interest \d/);
	}
	expect(existsSync(join(home, "demo-2"))).toBe(true);
	expect(living()).toEqual([]);
}, 240_000);

test("killed in the middle it leaves nothing running, and the next start repairs what it left", async () => {
	const killed = new Demo(1000);
	await killed.says("epoch");
	killed.process.kill("SIGKILL");
	for (let waited = 0; living().length > 0; waited += 200) {
		if (waited > 30_000) throw new Error(`still running: ${living()}`);
		await sleep(200);
	}
	const next = new Demo(2);
	expect([await next.status(), next.output]).toEqual([0, expect.stringContaining("Shut everything down")]);
}, 240_000);
