// valence paper as its users run it, on the built-in sample: a table, and the same table again without training.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { commandLine } from "../support/command-line.js";
import { removeHomesIn } from "../support/homes.js";

const { folder, valence } = commandLine();
const out = join(folder, "out");
afterAll(() => removeHomesIn(folder));

async function paper(
	args: string[],
	env: Record<string, string> = {},
): Promise<{ status: number | null; output: string; stdout: string }> {
	// No datasets beside the checkout are needed.
	const shared = ["paper", "table2", "--dataset", "sample", "--seeds", "1", "--data", folder, "--out", "out"];
	const { status, stdout, stderr } = await valence([...shared, ...args], env);
	return { status, output: stdout + stderr, stdout };
}
const file = (ending: string) => readFileSync(join(out, `table2-sample.${ending}`), "utf8");

test("trains and prints; again it only prints; another model joins the table", async () => {
	const first = await paper(["--models", "popularity,ease"]);
	expect(first).toMatchObject({ status: 0, output: expect.stringContaining("2 runs: 2 new\n") });
	expect(first.output).toMatch(/✓ EASE seed 1 {2}validation Recall@20 0\.\d{4}/);
	expect(first.output).toMatch(/EASE( +0\.\d{4} \*){4} +default +\d[\d.]* s +\d+ MiB\n {2}Popularity( +0\.\d{4}){4}/);
	// More than chance, on the sample's users; kept rows are compared as well.
	expect(first.output).toContain("after Holm over the 4 tests of each row against each other");
	const made = ["md", "csv", "tex", "json"].map(file);
	const { rows, protocol } = JSON.parse(file("json"));
	expect(rows.map((row: { model: string }) => row.model)).toEqual(["ease", "popularity"]);
	expect(protocol.hash).toMatch(/^[0-9a-f]{64}$/);
	expect(made.slice(0, 3).every((text) => text.includes(protocol.hash))).toBe(true);
	expect(rows[0].points[0].runs[0].peakMemoryBytes).toBeGreaterThan(2 ** 20);

	// The service of its own does it, also where another one is named for all commands.
	const elsewhere = { VALENCE_URL: "http://127.0.0.1:9" };
	const again = await paper(["--models", "ease,itemknn", "--context", "local", "--json"], elsewhere);
	expect(again).toMatchObject({
		status: 0,
		output: expect.stringContaining("2 runs: 1 new, 1 done before, 0 under way"),
	});
	expect(again.output).not.toContain("✓ EASE");
	expect(again.output).toContain("kept from the file that was there: 1 of");
	expect(again.output).toContain("after Holm over the 12 tests of each row");
	const models = JSON.parse(file("json")).rows.map((row: { model: string }) => row.model);
	expect(models).toEqual(["ease", "itemknn", "popularity"]);
	expect(JSON.parse(file("json")).rows[0]).toEqual(rows[0]);
	expect(JSON.parse(again.stdout)).toEqual(JSON.parse(file("json")));
}, 240_000);
