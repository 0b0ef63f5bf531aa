// valence paper as its users run it, on the built-in sample: a table, and the same table again without training.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../services/cli/dist/main.js", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "valence-paper-"));
const out = join(folder, "out");
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function paper(...args: string[]): Promise<{ status: number; output: string }> {
	const { DATABASE_URL: _, REDIS_URL: __, ...env } = process.env;
	const child = spawn(process.execPath, [MAIN, "paper", "table2", "--dataset", "sample", "--seeds", "1", ...args], {
		cwd: folder,
		// No datasets beside the checkout are needed.
		env: { ...env, VALENCE_HOME: join(folder, "home"), INIT_CWD: folder },
		stdio: ["ignore", "pipe", "pipe"],
	});
	let output = "";
	for (const stream of [child.stdout, child.stderr]) {
		stream.on("data", (chunk) => {
			output += chunk;
		});
	}
	const [status] = await once(child, "exit");
	return { status, output };
}
const file = (ending: string) => readFileSync(join(out, `table2-sample.${ending}`), "utf8");

test("trains and prints; again it only prints; another model joins the table", async () => {
	const first = await paper("--models", "popularity,ease", "--data", folder, "--out", "out");
	expect(first).toMatchObject({ status: 0, output: expect.stringContaining("2 runs: 2 new\n") });
	expect(first.output).toMatch(/✓ EASE seed 1 {2}validation Recall@20 0\.\d{4}/);
	expect(first.output).toMatch(/EASE( +0\.\d{4}){4} +\d[\d.]* s +\d+ MiB\n {2}Popularity( +0\.\d{4}){4}/);
	const made = ["md", "csv", "tex", "json"].map(file);
	const { rows, protocol } = JSON.parse(file("json"));
	expect(rows.map((row: { model: string }) => row.model)).toEqual(["ease", "popularity"]);
	expect(protocol.hash).toMatch(/^[0-9a-f]{64}$/);
	expect(made.slice(0, 3).every((text) => text.includes(protocol.hash))).toBe(true);
	expect(rows[0].points[0].runs[0].peakMemoryBytes).toBeGreaterThan(2 ** 20);

	const again = await paper("--models", "ease,itemknn", "--data", folder, "--out", "out");
	expect(again).toMatchObject({
		status: 0,
		output: expect.stringContaining("2 runs: 1 new, 1 done before, 0 under way"),
	});
	expect(again.output).not.toContain("✓ EASE");
	expect(again.output).toContain("kept from the file that was there: 1 of");
	const models = JSON.parse(file("json")).rows.map((row: { model: string }) => row.model);
	expect(models).toEqual(["ease", "itemknn", "popularity"]);
	expect(JSON.parse(file("json")).rows[0]).toEqual(rows[0]);
}, 240_000);
