// npm run bench -- http as its users run it, in short, on the built-in sample: to its end, and stopped in its middle.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Results } from "../../bench/http/results.js";
import { removeHomesIn } from "../support/homes.js";
import { until } from "../support/processes.js";

const folder = mkdtempSync(join(tmpdir(), "valence-test-bench-"));
const home = join(folder, "home");
const out = join(folder, "http.json");
afterAll(() => removeHomesIn(folder));

function bench(...given: string[]) {
	const { DATABASE_URL: _, REDIS_URL: __, ...env } = process.env;
	const child = spawn(process.execPath, ["scripts/bench.mjs", "http", ...given, "--out", out], {
		env: { ...env, VALENCE_HOME: home, TMPDIR: folder, INIT_CWD: folder },
		stdio: ["ignore", "pipe", "pipe"],
	});
	const said = { output: "" };
	for (const stream of [child.stdout, child.stderr])
		stream.on("data", (chunk) => {
			said.output += chunk;
		});
	return { child, said, ended: once(child, "exit") };
}

/** Processes that the bench has started, by the folder for everything temporary that they have from it. */
const left = () =>
	readdirSync("/proc").filter((pid) => {
		try {
			return Number(pid) > 0 && readFileSync(`/proc/${pid}/environ`, "utf8").includes(`TMPDIR=${folder}\0`);
		} catch {
			return false; // it ended while we looked
		}
	});
const expectNothingLeft = async () => {
	await until("its processes have ended", () => left().length === 0, 10);
	expect(existsSync(join(home, "bench"))).toBe(false);
	expect(readdirSync(folder).filter((name) => name.startsWith("valence-bench-"))).toEqual([]);
};

test("measures ours and the ceiling, writes the table, prints it again, and leaves nothing behind", async () => {
	const { said, ended } = bench("--quick", "--only", "ours,ceiling");
	const [status] = await ended;
	expect({ status, output: said.output }).toMatchObject({ status: 0, output: expect.stringContaining("| target |") });
	await expectNothingLeft();

	const results: Results = JSON.parse(readFileSync(out, "utf8"));
	const closed = results.rows.filter(({ level }) => level.kind === "closed");
	expect(
		closed.map(({ subject, workload, level }) => [subject, workload, level.kind === "closed" && level.clients]),
	).toEqual([
		["ours", "known", 1],
		["ours", "known", 32],
		["ours", "foldIn", 1],
		["ours", "foldIn", 32],
		["ceiling", "known", 1],
		["ceiling", "known", 32],
	]);
	for (const { failed, rate, p50, p99 } of closed) {
		expect(failed).toBe(0);
		expect(rate).toBeGreaterThan(1);
		expect(p99).toBeGreaterThanOrEqual(p50);
	}
	expect(results.rows.filter(({ level }) => level.kind === "open").map(({ subject }) => subject)).toEqual(
		expect.arrayContaining(["ours", "ceiling"]),
	);
	expect(results.computeP50).toBeGreaterThan(0);

	const again = bench("--print");
	expect(await again.ended).toEqual([0, null]);
	expect(said.output).toContain(again.said.output.trim());
}, 240_000);

test("stopped in its middle it ends what it has started and removes its home", async () => {
	const { child, said, ended } = bench("--quick", "--only", "ours");
	await until("Valence has started", () => said.output.includes("Start Valence"), 120);
	expect(left().length).toBeGreaterThan(5);
	child.kill("SIGINT");
	expect(await ended).toEqual([130, null]);
	await expectNothingLeft();
}, 180_000);
