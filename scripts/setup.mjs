// Makes a checkout ready: dependencies, Python environment, generated code, builds. Every step is skipped while its
// inputs are unchanged; an interrupted one is done again. Plain Node, because nothing is installed yet.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
	closeSync,
	existsSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
	writeSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const VENV = join(ROOT, "services/trainer-py/.venv");
const PYTHON = join(VENV, "bin/python");
const STAMPS = join(ROOT, "node_modules/.valence-setup");
const LOCK = join(ROOT, ".valence/setup.lock");
const WAIT_MS = 500;
const OUTPUT_GRACE_MS = 2_000;
const CPU_WHEELS = "https://download.pytorch.org/whl/cpu";
const SOURCES = /\.(ts|tsx|css|html|json|svg|proto|prisma|py|mjs|yaml)$/;

/** Each step: what it is called, what it depends on, what must exist afterwards, and what it does. */
const steps = ({ forTests }) => [
	{
		name: "Install npm packages",
		inputs: ["package.json", "package-lock.json", ...workspaces().map((folder) => `${folder}/package.json`)],
		outputs: ["node_modules/.bin/tsc"],
		// Not `npm ci`: it refuses a lock file that was written where the registry has no packages of other platforms.
		// The versions are the locked ones all the same.
		run: () => run("npm", ["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"]),
	},
	{
		name: "Create the Python environment",
		inputs: ["services/trainer-py/requirements.txt"],
		outputs: [relative(ROOT, PYTHON)],
		run: installPython,
	},
	...(forTests
		? [
				{
					name: "Install Python tools for tests",
					inputs: ["services/trainer-py/requirements.txt", "services/trainer-py/requirements-dev.txt"],
					outputs: [join("services/trainer-py/.venv/bin/pytest")],
					run: () => run(PYTHON, ["-m", "pip", "install", "-q", "-r", "services/trainer-py/requirements-dev.txt"]),
				},
			]
		: []),
	{
		name: "Generate code from proto and Prisma schema",
		inputs: [
			"proto",
			"prisma/schema.prisma",
			"prisma.config.ts",
			"services/trainer-py/scripts/generate.py",
			"package-lock.json",
		],
		outputs: [
			"services/api/src/generated/proto/trainer/v1/trainer.ts",
			"services/api/src/generated/prisma/client.ts",
			"services/trainer-py/trainer/pb/trainer/v1/trainer_pb2.py",
		],
		run: async () => {
			await run(bin("buf"), ["generate"], { cwd: join(ROOT, "proto") });
			await run(PYTHON, ["services/trainer-py/scripts/generate.py"]);
			// Generating needs no engine, but the CLI insists that one is there: any file will do.
			await run(bin("prisma"), ["generate"], {
				env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: "1" },
			});
		},
	},
	...["api", "supervisor"].map((service) => ({
		name: `Build ${service}`,
		inputs: [
			`services/${service}/src`,
			`services/${service}/tsconfig.build.json`,
			"tsconfig.base.json",
			"package-lock.json",
		],
		outputs: [`services/${service}/dist`],
		run: async () => {
			rmSync(join(ROOT, `services/${service}/dist`), { recursive: true, force: true });
			await run(bin("tsc"), ["-p", `services/${service}/tsconfig.build.json`]);
		},
	})),
	{
		name: "Build the dashboard",
		inputs: ["src", "index.html", "vite.config.ts", "package.json", "tsconfig.json"].map(
			(name) => `services/dashboard/${name}`,
		),
		outputs: ["services/dashboard/dist/index.html"],
		run: () => run("npm", ["run", "build", "-w", "services/dashboard", "--silent"]),
	},
];

export async function setup({ forTests = false } = {}) {
	checkNode();
	await locked(async () => {
		for (const step of steps({ forTests })) {
			const stamp = join(STAMPS, step.name.replaceAll(" ", "-"));
			const digest = digestOf(step.inputs);
			const upToDate = step.outputs.every((path) => existsSync(join(ROOT, path))) && read(stamp) === digest;
			if (upToDate) continue;
			const started = Date.now();
			console.log(`» ${step.name} …`);
			rmSync(stamp, { force: true });
			await step.run();
			mkdirSync(STAMPS, { recursive: true });
			// The digest of before: what changed meanwhile is built again next time.
			writeFileSync(stamp, digest);
			console.log(`  done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
		}
	});
}

async function installPython() {
	const python = findPython();
	const usable = existsSync(PYTHON) && works(PYTHON, ["-m", "pip", "--version"]);
	if (!usable) {
		rmSync(VENV, { recursive: true, force: true });
		await run(python, ["-m", "venv", VENV]);
	}
	const pip = ["-m", "pip", "install", "-q", "--disable-pip-version-check"];
	if (process.platform === "linux" && !existsSync("/proc/driver/nvidia")) {
		// PyPI's wheel for Linux brings gigabytes of CUDA; without a GPU the small one does. Where it cannot be had,
		// the requirements below install the other.
		const torch = readFileSync(join(ROOT, "services/trainer-py/requirements.txt"), "utf8").match(/^torch==\S+/m)[0];
		const small = [...pip, "-q", "--no-deps", "--retries", "0", "--timeout", "20", "--index-url", CPU_WHEELS, torch];
		await run(PYTHON, small, { quiet: true }).catch(() => undefined);
	}
	await run(PYTHON, [...pip, "-r", "services/trainer-py/requirements.txt"]);
}

function findPython() {
	for (const name of ["python3.11", "python3.12", "python3.13", "python3", "python"]) {
		if (works(name, ["-c", "import sys; sys.exit(sys.version_info < (3, 11) or sys.version_info >= (3, 14))"]))
			return name;
	}
	throw new Error("Python 3.11 or newer (with venv) is needed: python3.11 was not found on the PATH");
}

function checkNode() {
	const [major, minor] = process.versions.node.split(".").map(Number);
	if (major < 20 || (major === 20 && minor < 19)) {
		throw new Error(`Node 20.19 or newer is needed; this is ${process.versions.node}`);
	}
}

function works(command, args) {
	try {
		execFileSync(command, args, { stdio: "ignore" });
		return true;
	} catch {
		return false;
	}
}

export function run(command, args, { cwd = ROOT, env = {}, quiet = false } = {}) {
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
		let said = "";
		for (const stream of [child.stdout, child.stderr]) {
			stream.on("data", (chunk) => {
				said = (said + chunk).slice(-20_000);
			});
		}
		child.on("error", (error) => reject(new Error(`${command} cannot be started: ${error.message}`)));
		const end = (status) => {
			if (status === 0) resolve(said);
			else reject(new Error(quiet ? "" : `${[command, ...args].join(" ")} ended with status ${status}:\n${said}`));
		};
		child.on("close", end);
		// A grandchild that outlives the command may hold its output open; that must not hold us.
		child.on("exit", (status) => setTimeout(() => end(status), OUTPUT_GRACE_MS));
	});
}

const bin = (name) => join(ROOT, "node_modules/.bin", name);
const workspaces = () => JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).workspaces;

function read(path) {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return null;
	}
}

function digestOf(inputs) {
	const hash = createHash("sha256").update(process.version);
	for (const input of inputs) {
		for (const path of filesUnder(join(ROOT, input))) hash.update(relative(ROOT, path)).update(readFileSync(path));
	}
	return hash.digest("hex");
}

function filesUnder(path) {
	if (!existsSync(path)) return [];
	if (statSync(path).isFile()) return [path];
	return readdirSync(path, { withFileTypes: true })
		.filter((entry) => !["generated", "node_modules", "dist", "__pycache__"].includes(entry.name))
		.flatMap((entry) =>
			entry.isDirectory()
				? filesUnder(join(path, entry.name))
				: SOURCES.test(entry.name)
					? [join(path, entry.name)]
					: [],
		)
		.sort();
}

/** Two first starts at once must not install into each other. */
async function locked(work) {
	mkdirSync(dirname(LOCK), { recursive: true });
	for (let told = false; ; ) {
		try {
			const file = openSync(LOCK, "wx");
			writeSync(file, String(process.pid));
			closeSync(file);
			break;
		} catch (error) {
			if (error.code !== "EEXIST") throw error;
		}
		const owner = Number(read(LOCK));
		if (owner > 0 && !isAlive(owner)) rmSync(LOCK, { force: true });
		else {
			if (!told) console.log(`» Waiting for the set-up of process ${owner} …`);
			told = true;
			await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
		}
	}
	const release = () => rmSync(LOCK, { force: true });
	process.on("exit", release);
	for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));
	try {
		await work();
	} finally {
		release();
		process.off("exit", release);
	}
}

function isAlive(pid) {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error.code === "EPERM";
	}
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
	try {
		await setup({ forTests: process.argv.includes("--test") });
	} catch (error) {
		console.error(error.message);
		process.exit(1);
	}
}
