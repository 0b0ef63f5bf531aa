// The command line itself: help with examples, what is refused before anything begins, and what shells complete.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../services/cli/src/program.js";
import { commandLine } from "../support/command-line.js";

const said: string[] = [];
const keep = (text: unknown) => {
	said.push(String(text));
	return true;
};
beforeEach(() => {
	said.length = 0;
	jest.spyOn(console, "log").mockImplementation(keep);
	jest.spyOn(process.stdout, "write").mockImplementation(keep as never);
	jest.spyOn(process.stderr, "write").mockImplementation(keep as never);
});
afterEach(() => jest.restoreAllMocks());

async function typed(...argv: string[]): Promise<{ status: number; text: string }> {
	said.length = 0;
	const status = await run(argv);
	return { status, text: said.join("") };
}
const commands = async () => {
	const { text } = await typed("--help");
	return [...text.matchAll(/^ {2}valence ([a-z]+)(?: |$)/gm)].map(([, name]) => name as string);
};

it("lists its commands, and each helps with an example of itself", async () => {
	const names = [...new Set(await commands())];
	for (const name of [
		"demo",
		"start",
		"doctor",
		"import",
		"train",
		"runs",
		"compare",
		"deploy",
		"recommend",
		"similar",
		"export",
		"paper",
		"bench",
		"login",
		"completion",
	])
		expect(names).toContain(name);
	for (const name of names) {
		const { status, text } = await typed(name, "--help");
		expect([name, status, text]).toEqual([name, 0, expect.stringMatching(new RegExp(`Examples:\\n.*valence ${name}`))]);
	}
});

it.each([
	["feed", ["list", "show", "make", "push", "import", "snapshot", "items", "erase", "remove"]],
	["keys", ["list", "make", "revoke"]],
	["machines", ["list", "drain", "resume"]],
	["refresh", ["set", "show", "now", "list", "pause", "resume", "remove"]],
])("helps with each thing that can be done with %s, with an example, and docs/cli.md names it", async (group, all) => {
	const page = readFileSync("docs/cli.md", "utf8");
	const { text: help } = await typed(group, "--help");
	const names = [...help.matchAll(new RegExp(`^ {2}valence ${group} ([a-z]+)(?: |$)`, "gm"))].map(
		([, name]) => name as string,
	);
	expect(new Set(names)).toEqual(new Set(all));
	for (const name of names) {
		const { status, text } = await typed(group, name, "--help");
		expect([name, status, text]).toEqual([
			name,
			0,
			expect.stringMatching(new RegExp(`Examples:\\n.*valence ${group} ${name}`)),
		]);
		expect([name, page.includes(`\`${group} ${name}`)]).toEqual([name, true]);
	}
});

it("is described in docs/cli.md, every command and every exit status", async () => {
	const page = readFileSync("docs/cli.md", "utf8");
	for (const name of await commands()) expect([name, page.includes(`\`${name}`)]).toEqual([name, true]);
	for (const status of [0, 1, 2, 3, 4, 5, 130]) expect(page).toMatch(new RegExp(`^\\| ${status} \\|`, "m"));
});

it.each([
	[[], "A command is needed"],
	[["trian", "valid"], "There is no command trian; valence --help lists them."],
	[["runs", "--jsno"], "jsno is not known here"],
	[["train"], "something is missing: it is used as valence train <models..>"],
	[["deploy"], "it is used as valence deploy <run>"],
	[["deploy", "a", "b"], "b is not known here"],
	[["deploy", "a", "--feed"], "--feed takes a value"],
	[["feed"], "What about the feed?"],
	[["feed", "pull", "shop"], "valence feed --help shows how it is used."],
	[["feed", "push", "shop"], "it is used as valence feed push <name> <file>"],
	[["feed", "snapshot", "shop", "today.ndjson"], "today.ndjson is not known here"],
	[["feed", "snapshot", "shop", "--quantiles", "0.8"], "--quantiles takes two"],
	[["feed", "push", "shop", "no-such.ndjson"], "no-such.ndjson is not there"],
	[["import"], "a file is needed, for example: valence import ratings.csv"],
	[["import", "README.md", "--sample"], "--sample stands in place of files"],
	[["import", "--sample", "--k-core", "5"], "--sample does not go with --k-core"],
	[["import", "--sample", "--preview"], "--sample does not go with --preview"],
	[["contexts", "--use", "a", "--remove", "b"], "--remove does not go with --use"],
	[["import", "no-such.csv"], "no-such.csv is not there"],
	[["import", "README.md", "--columns", "user"], "--columns takes FIELD=VALUE, not user"],
	[["import", "README.md", "--columns", "who=x"], "--columns knows user, item, rating"],
	[
		["import", "README.md", "--columns", "items.who=x"],
		"for one part as items.title, for one file as orders.csv:title",
	],
	[["import", "README.md", "--columns", "README.md:who=x"], "not README.md:who; it is written"],
	[["import", "README.md", "--columns", "README.md:items.title=x"], "not README.md:items.title; it is written"],
	[["import", "README.md", "--columns", ":user=x"], "not :user; it is written"],
	[["import", "README.md", "--columns", "a.csv:user=x"], "--columns names a.csv, but the files are README.md"],
	[["import", "README.md", "--ratios", "0.5,0.5"], "--ratios takes three parts"],
	[["import", "README.md", "--split", "random"], "ratio"],
	[["import", "README.md", "--quantiles", "0.8"], "--quantiles takes two"],
	[["import", "README.md", "--cuts", "2026-01-01"], "--cuts takes two times"],
	[["import", "README.md", "--k-core", "0"], "--k-core takes a whole number from 1 to 1000, not 0"],
	[["train", "valid", "--seeds", "3-1"], "--seeds takes numbers like 1,2 or 1-10, not 3-1"],
	[["train", "valid", "--seeds", "2147483648"], "--seeds takes numbers like 1,2 or 1-10, not 2147483648"],
	[["train", "valid", "--processes", "17"], "--processes takes a whole number from 1 to 16, not 17"],
	[["login", "http://127.0.0.1:9", "--name", "local"], "local is the service of this checkout"],
	[["recommend"], "a user or --items is needed"],
	[["recommend", "1", "--items", "a"], "and not both"],
	[["compare", "--draws", "500"], "--draws takes a whole number from 1000 to 100000, not 500"],
	[["recommend", "1", "--fresh", "21"], "--fresh takes a whole number from 1 to 20, not 21"],
	[["recommend", "1", "-n", "many"], "-n takes a whole number from 1 to 1000, not many"],
	[["recommend", "1", "-n", "1", "-n", "2"], "-n is given twice"],
	[["runs", "--context", "a", "--context", "b"], "--context is given twice"],
	[["login", "shop:1"], "shop:1 is no address"],
	[["completion", "fish"], 'shell takes "bash", "zsh", not "fish"'],
	[["paper", "--dataset", "x"], "it is used as valence paper <recipe>"],
	[["paper", "table2"], "--dataset is needed"],
	[["paper", "table2", "--dataset", "../x"], "--dataset takes a name"],
	[["paper", "table2", "--dataset", "x", "--url", "host:1"], "host:1 is no address"],
	[["paper", "table2", "--dataset", "x", "--key", "k"], "--key goes with --url"],
	[["paper", "table2", "--dataset", "x", "--url", "http://a", "--context", "b"], "--context does not go with --url"],
	[["paper", "table2", "--dataset", "x", "--sedes", "1"], "sedes is not known here"],
	[["stop", "now"], "now is not known here"],
])("refuses %j with status 2", async (argv, message) => {
	const { status, text } = await typed(...argv);
	expect([status, text]).toEqual([2, expect.stringContaining(message)]);
});

const { valence, folder } = commandLine();

it("without a service says how to get one, with status 4, and nothing on standard output", async () => {
	const ended = await valence(["runs", "--json"], { PORT: "1", VALENCE_URL: "http://127.0.0.1:9" });
	expect(ended).toEqual({
		status: 4,
		stdout: "",
		stderr: expect.stringMatching(/No service answers at http:\/\/127\.0\.0\.1:9 \(VALENCE_URL\)\.\n.*valence start/),
	});
}, 30_000);

it("says its version, and ends with the status of the command", async () => {
	const { version } = JSON.parse(readFileSync("package.json", "utf8"));
	expect(await valence(["--version"])).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
	expect((await valence(["runs", "--context", "none"])).status).toBe(2);
});

it("doctor says what there is as JSON too, and what to do about the rest", async () => {
	const { status, stdout } = await valence(["doctor", "--json"], { VALENCE_URL: "http://127.0.0.1:9" });
	const { findings } = JSON.parse(stdout) as { findings: { name: string; state: string; remedy?: string }[] };
	expect(status).toBe(0);
	expect(findings.map(({ name }) => name)).toEqual(
		expect.arrayContaining(["Node", "Python", "PyTorch", "disk", "service"]),
	);
	expect(findings.filter(({ state }) => state !== "ok").every(({ remedy }) => remedy)).toBe(true);
	expect(findings.find(({ name }) => name === "service")?.state).toBe("warning");
}, 60_000);

describe("completion", () => {
	const MAIN = join(process.cwd(), "services/cli/dist/main.js");
	const script = (shell: string) =>
		spawnSync(process.execPath, [MAIN, "completion", shell], { encoding: "utf8" }).stdout;
	/** The words a bash offers for a line with the cursor at its end. */
	function offered(...words: string[]): string[] {
		const line = words.map((word) => `'${word}'`).join(" ");
		const code = `valence() { "${process.execPath}" "${MAIN}" "$@"; }
${script("bash")}
COMP_WORDS=(${line}); COMP_CWORD=$((\${#COMP_WORDS[@]}-1)); _valence; printf '%s\\n' "\${COMPREPLY[@]}"`;
		const env = { ...process.env, VALENCE_URL: "http://127.0.0.1:9" };
		return spawnSync("bash", ["-c", code], { encoding: "utf8", cwd: folder, env }).stdout.split("\n").filter(Boolean);
	}
	it("offers commands, options, choices, and no name where no service answers", () => {
		expect(offered("valence", "dep")).toEqual(["deploy"]);
		expect(offered("valence", "runs", "--li")).toEqual(["--limit"]);
		expect(offered("valence", "export", "--format", "")).toEqual(["csv", "ndjson", "parquet"]);
		expect(offered("valence", "train", "")).toEqual([]);
	}, 60_000);
	it("takes what the service sends for names, and runs nothing of it", () => {
		const code = `valence() { printf '%s\\n' '$(touch ran)' 'my shop' 'other'; }
${script("bash")}
COMP_WORDS=(valence train --on "$1"); COMP_CWORD=3; _valence; printf '%s\\n' "\${COMPREPLY[@]}"`;
		const names = (typed: string) =>
			spawnSync("bash", ["-c", code, "bash", typed], { encoding: "utf8", cwd: folder }).stdout.trimEnd().split("\n");
		expect(names("")).toEqual(["\\$\\(touch\\ ran\\)", "my\\ shop", "other"]);
		expect(names("my\\ s")).toEqual(["my\\ shop"]);
		expect(existsSync(join(folder, "ran"))).toBe(false);
	});
	const zsh = ["/usr/bin/zsh", "/bin/zsh"].find((path) => existsSync(path));
	(zsh ? it : it.skip)("is a script that zsh takes", () => {
		const { status, stderr } = spawnSync(zsh as string, ["-f", "-n"], { input: script("zsh"), encoding: "utf8" });
		expect([status, stderr]).toEqual([0, ""]);
	});
});
