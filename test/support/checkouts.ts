// An earlier commit of this repository, built beside this one, and `valence start` of either.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { connect } from "@valence/client";
import { freePort } from "../../services/supervisor/src/ports.js";
import { until } from "./processes.js";

export const ROOT = process.cwd();
const VENV = "services/trainer-py/.venv";

/** Fills the folder with what a start of that commit needs. Packages are those of this checkout. */
export function checkOut(commit: string, folder: string): string {
	mkdirSync(folder, { recursive: true });
	const wanted = "package.json tsconfig.base.json prisma prisma.config.ts proto clients services";
	// Some folders came later than some commits.
	const script = `cd "$2" && git archive "$1" $(git ls-tree --name-only "$1" ${wanted}) | tar -x -C "$3"`;
	execFileSync("sh", ["-c", script, "sh", commit, ROOT, folder]);
	const nested = ["api", "supervisor"].map((service) => `services/${service}/node_modules`);
	for (const shared of ["node_modules", VENV, ...nested])
		if (existsSync(join(ROOT, shared))) symlinkSync(join(ROOT, shared), join(folder, shared));
	const bin = (name: string) => join(ROOT, "node_modules/.bin", name);
	const run = (command: string, given: string[], cwd = folder) =>
		execFileSync(command, given, {
			cwd,
			env: { ...process.env, PRISMA_SCHEMA_ENGINE_BINARY: process.execPath },
			stdio: "pipe",
		});
	run(bin("buf"), ["generate"], join(folder, "proto"));
	run(join(VENV, "bin/python"), ["services/trainer-py/scripts/generate.py"]);
	run(bin("prisma"), ["generate"]);
	// Declarations would name packages by where the link leads.
	const compile = (service: string) =>
		run(bin("tsc"), ["-p", `services/${service}/tsconfig.build.json`, "--declaration", "false"]);
	const bundle = join(folder, "services/api/scripts/bundle.mjs");
	if (existsSync(bundle)) run(process.execPath, [bundle]);
	else compile("api"); // commits that start from many small files
	compile("supervisor");
	return folder;
}

/** What `valence start` calls. By its path: the packages of ours among the shared ones are those of this checkout. */
function startOf(checkout: string): string[] {
	const script = join(checkout, "services/supervisor/dist/start.js"); // before there was the command
	if (existsSync(script)) return [script];
	const forever = pathToFileURL(join(checkout, "services/supervisor/dist/forever.js"));
	return [
		"--input-type=module",
		"-e",
		`await (await import("${forever}")).runForever({}); await new Promise(() => {})`,
	];
}

export type Started = Awaited<ReturnType<typeof startCheckout>>;

/** As of `valence start`, on a home. */
export async function startCheckout(checkout: string, home: string, more: Record<string, string> = {}) {
	const port = await freePort();
	const { DATABASE_URL: _, REDIS_URL: __, ...env } = process.env;
	const child = spawn(process.execPath, startOf(checkout), {
		env: { ...env, TIMING_SCALE: "5", VALENCE_HOME: home, PORT: String(port), ...more },
		stdio: ["ignore", "pipe", "pipe"],
	});
	let said = "";
	for (const stream of [child.stdout, child.stderr])
		stream.on("data", (chunk) => {
			said += chunk;
		});
	async function end(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
		if (child.exitCode !== null || child.signalCode !== null) return;
		const gone = once(child, "exit");
		child.kill(signal);
		await gone;
	}
	const url = `http://127.0.0.1:${port}`;
	try {
		await until(
			"it is up",
			() => {
				if (child.exitCode !== null) throw new Error(said);
				return said.includes("dashboard");
			},
			120,
		);
	} catch (error) {
		await end("SIGKILL");
		throw new Error(`${(error as Error).message}\n${said}`);
	}
	return { url, api: connect(url), end, said: () => said };
}
