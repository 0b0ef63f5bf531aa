// `npm ci` from the lock file, as each supported platform would read it.
import { execFileSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const platforms = ["linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64"];
/** Faster decoding where it can be had; without it msgpackr does the same in JavaScript. */
const OPTIONAL = /^@msgpackr-extract\//;

let folder: string;
beforeAll(() => {
	folder = mkdtempSync(join(tmpdir(), "valence-lock-"));
	const { workspaces } = JSON.parse(readFileSync("package.json", "utf8"));
	for (const place of [
		"package.json",
		"package-lock.json",
		".npmrc",
		...workspaces.map((w: string) => `${w}/package.json`),
	])
		cpSync(place, join(folder, place));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(platforms)("%s: everything is locked", (platform) => {
	const [os, cpu] = platform.split("-");
	const said = execFileSync("npm", ["ci", "--dry-run", "--ignore-scripts", `--os=${os}`, `--cpu=${cpu}`], {
		cwd: folder,
		encoding: "utf8",
		stdio: ["ignore", "pipe", "pipe"],
	});
	expect(said).toMatch(/added \d+ packages/);
});

test("a package's builds for the platforms are locked, all or none left out knowingly", () => {
	const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
		packages: Record<string, { optionalDependencies?: Record<string, string> }>;
	};
	const locked = new Set(Object.keys(packages).map((path) => path.split("node_modules/").at(-1)));
	const missing = Object.values(packages)
		.flatMap(({ optionalDependencies = {} }) => Object.keys(optionalDependencies))
		.filter((name) => /(linux|darwin)-(x64|arm64|aarch64)/.test(name) && !locked.has(name) && !OPTIONAL.test(name));
	expect(missing).toEqual([]);
});
