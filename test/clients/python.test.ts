// The generated Python client: whether it is what the contract gives, and its own tests against the whole service.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { PYTHON } from "../../services/supervisor/src/paths.js";
import { startStack } from "../../services/supervisor/src/stack.js";
import { removeHomesIn } from "../support/homes.js";

const TIMEOUT_MS = 400_000;

/** The generator's tools are found. */
const OURS = { ...process.env, PATH: [dirname(PYTHON), process.env.PATH].join(delimiter) };
/** An environment in which only the client is installed, and where its packages lie. */
let venv: string;
let python: string;
let installed: string;
beforeAll(() => {
	venv = mkdtempSync(join(tmpdir(), "valence-client-"));
	execFileSync(PYTHON, ["-m", "venv", "--without-pip", venv]);
	python = join(venv, "bin/python");
	const placeOf = (of: string) =>
		execFileSync(of, ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], { encoding: "utf8" }).trim();
	installed = placeOf(python);
	// What the client needs, and what builds it, is lent by ours instead of being downloaded: what it forgets to name is
	// there all the same, so that is asked by itself.
	writeFileSync(join(installed, "at-hand.pth"), `${placeOf(PYTHON)}\n`);
	// As the guide says.
	const typed = readFileSync("docs/guides/shop-engineer.md", "utf8").match(/`pip install CHECKOUT(\/\S+)`/)?.[1];
	const install = ["-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-build-isolation"];
	execFileSync(PYTHON, [...install, `.${typed}`], { env: OURS });
}, TIMEOUT_MS);
afterAll(() => rmSync(venv, { recursive: true }));

it("has a module for each operation of the contract but the streams, which follow() reads", () => {
	type Operation = { operationId: string; responses: Record<string, { content?: object }> };
	const { paths } = JSON.parse(readFileSync("clients/openapi.json", "utf8")) as {
		paths: Record<string, Record<string, Operation>>;
	};
	const isStream = ({ responses }: Operation) =>
		Object.values(responses).some(({ content = {} }) => "text/event-stream" in content);
	const expected = Object.values(paths)
		.filter((path) => !Object.values(path).some(isStream))
		.flatMap((path) =>
			Object.values(path).map(({ operationId }) => operationId.replaceAll(/[A-Z]/g, (a) => `_${a.toLowerCase()}`)),
		);
	const modules = readdirSync(join(installed, "valence_client/api"), { recursive: true, encoding: "utf8" })
		.filter((path) => path.endsWith(".py") && !path.endsWith("__init__.py"))
		.map((path) => basename(path, ".py"));
	expect(modules.sort()).toEqual(expected.sort());
	expect(existsSync(join(installed, "valence_client/py.typed"))).toBe(true);
});

/** Prints [the packages that its modules import, those that installing it asks for]. */
const PACKAGES = `
import ast, importlib.metadata as metadata, json, pathlib, re, sys
trees = [ast.parse(path.read_bytes()) for path in pathlib.Path(sys.argv[1]).rglob("*.py")]
nodes = [node for tree in trees for node in ast.walk(tree)]
modules = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
modules |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.level == 0}
foreign = {module.split(".")[0] for module in modules} - sys.stdlib_module_names - {"valence_client"}
owners = metadata.packages_distributions()
imported = {owner for module in foreign for owner in owners[module]}
named = {re.match(r"[\\w.-]+", one)[0] for one in metadata.requires("valence-client")}
print(json.dumps([sorted(imported), sorted(named)]))
`;

it("names the packages that it imports, and no other", () => {
	const said = execFileSync(python, ["-c", PACKAGES, join(installed, "valence_client")], { encoding: "utf8" });
	const [imported, named] = JSON.parse(said);
	expect(imported).toContain("httpx");
	expect(named).toEqual(imported);
});

it(
	"works against the service, as does the notebook",
	async () => {
		const home = mkdtempSync(join(tmpdir(), "valence-python-"));
		const stack = await startStack({ home, port: 0 });
		try {
			const env = { ...OURS, VALENCE_URL: stack.url, OMP_NUM_THREADS: "1" };
			const run = spawn(python, ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test/clients/python"], { env });
			let said = "";
			for (const stream of [run.stdout, run.stderr]) stream.on("data", (chunk) => (said += chunk));
			const status = await new Promise((resolve) => run.on("close", resolve));
			expect([status, said]).toEqual([0, expect.stringContaining("9 passed")]);
		} finally {
			await stack.stop();
			removeHomesIn(home);
		}
	},
	TIMEOUT_MS,
);
