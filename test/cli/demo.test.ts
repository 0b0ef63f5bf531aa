// valence demo as its users run it: twice at once, one of them live, from a folder that only root can enter, and after a kill -9.
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Refresh } from "@valence/client";
import type { Outcome } from "../../services/cli/src/demo/live.js";
import { outsideDatabases } from "../../services/supervisor/src/postgres/outside.js";
import { removeHomesIn } from "../support/homes.js";

const MAIN = fileURLToPath(new URL("../../services/cli/dist/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "valence demo-"));
const home = join(folder, "private", "home");
mkdirSync(home, { recursive: true });
chmodSync(join(folder, "private"), 0o700);
afterAll(() => removeHomesIn(folder));

class Demo {
	output = "";
	/** On standard output alone. */
	printed = "";
	readonly process: ChildProcess;

	constructor(epochs: number, ...more: string[]) {
		const { DATABASE_URL: _, REDIS_URL: __, ...env } = process.env;
		this.process = spawn(process.execPath, [MAIN, "demo", "--set", `epochs=${epochs}`, ...more], {
			cwd: folder,
			env: { ...env, VALENCE_HOME: home },
			stdio: ["ignore", "pipe", "pipe"],
		});
		for (const stream of [this.process.stdout, this.process.stderr]) {
			stream?.on("data", (chunk) => {
				this.output += chunk;
				if (stream === this.process.stdout) this.printed += chunk;
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

test("a folder that is none, and an option that is none, are refused before anything starts", () => {
	const demo = (...given: string[]) => {
		const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, "demo", ...given], {
			encoding: "utf8",
			cwd: folder,
		});
		return [status, stdout + stderr];
	};
	expect(demo("--data", "/nonexistent")).toEqual([2, expect.stringContaining("/nonexistent is not there")]);
	expect(demo("--data", home)).toEqual([1, expect.stringContaining("holds no table")]);
	expect(demo("--dataset", "x")).toEqual([2, expect.stringContaining("dataset is not known here")]);
	expect(demo("--live", "--data", home)).toEqual([2, expect.stringContaining("--live does not go with --data")]);
	expect(demo("--help")).toEqual([0, expect.stringContaining("A folder of files of your own instead")]);
});

test("two at once both end well, each with its own home and ports", async () => {
	const results = join(folder, "live.json");
	const both = [new Demo(2), new Demo(4, "--live", "--results", results, "--json")] as const;
	for (const demo of both)
		expect([await demo.status(), demo.output]).toEqual([0, expect.stringContaining("Shut everything down")]);
	const [plain, live] = both;
	expect(plain.output).toMatch(/popularity\s+0\.\d{4}/);
	expect(plain.output).toMatch(/interest \d/);
	expectLiving(live.output, JSON.parse(readFileSync(results, "utf8")));
	expect(JSON.parse(live.printed)).toEqual(JSON.parse(readFileSync(results, "utf8")));
	expect(living()).toEqual([]);
	// What it made it has removed, also the databases that lay outside.
	expect(readdirSync(home)).toEqual([]);
	expect(outsideDatabases().filter((one) => one.home?.startsWith(home))).toEqual([]);
}, 360_000);

/** What the stream and its refreshes have come to, in numbers and in words. */
function expectLiving(output: string, { refreshes, person, newcomer, newItem, history }: Outcome): void {
	expect(refreshes.map(({ outcome }) => outcome)).toEqual(["switched", "refused", "switched"]);
	const [first, refused, second] = refreshes as [Refresh, Refresh, Refresh];
	// The candidate was good for nothing, and what is deployed was measured on the same people.
	expect(refused.verdict?.candidate.value).toBeLessThan(refused.verdict?.needs.deployed as number);
	expect(refused.verdict?.deployed).toMatchObject({ on: "snapshot", checkpointId: first.newCheckpointId });
	expect(refused.verdict?.reason).toMatch(
		/^Refused: recall@20 of the candidate is 0\.\d+; what is deployed has 0\.\d+/,
	);
	expect(second.verdict?.candidate.value).toBeGreaterThan(second.verdict?.needs.popularity as number);
	expect(output).toContain(refused.verdict?.reason);
	// One list before three interactions, another after them and without them, and nothing was trained in between.
	expect(person.before).toHaveLength(10);
	expect(person.after.filter((item) => !person.before.includes(item))).not.toEqual([]);
	expect(person.after.filter((item) => person.did.includes(item))).toEqual([]);
	expect(newcomer.list).toHaveLength(10);
	expect([newcomer.knownBefore, newcomer.fresh]).toEqual([false, ["item-new"]]);
	expect(newItem).toEqual({ rankBefore: null, rankAfter: expect.any(Number) });
	expect(history).toMatchObject([
		{
			by: null,
			cause: "refresh",
			refreshId: second.id,
			until: null,
			numbers: second.verdict,
			reason: second.verdict?.reason,
		},
		{ by: null, cause: "refresh", refreshId: first.id, until: expect.any(String), numbers: first.verdict },
	]);
}

test("killed in the middle it leaves nothing running, and the next start repairs what it left", async () => {
	const killed = new Demo(1000);
	await killed.says("epoch");
	killed.process.kill("SIGKILL");
	for (let waited = 0; living().length > 0; waited += 200) {
		if (waited > 30_000) throw new Error(`still running: ${living()}`);
		await sleep(200);
	}
	expect(readdirSync(home)).toEqual(["demo"]);
	const next = new Demo(2);
	expect([await next.status(), next.output]).toEqual([0, expect.stringContaining("Shut everything down")]);
	expect(readdirSync(home)).toEqual([]);
}, 360_000);
