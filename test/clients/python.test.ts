// The generated Python client: whether it is what the contract gives, and its own tests against the whole service.
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { PYTHON } from "../../services/supervisor/src/paths.js";
import { startStack } from "../../services/supervisor/src/stack.js";
import { removeHomesIn } from "../support/homes.js";

const TIMEOUT_MS = 400_000;

let installed: string;
beforeAll(() => {
	installed = mkdtempSync(join(tmpdir(), "valence-client-"));
	// As a user does, but with the generator that is here instead of one downloaded for the moment.
	const pip = ["-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--target", installed];
	execFileSync(PYTHON, [...pip, "./clients/python"]);
}, TIMEOUT_MS);
afterAll(() => rmSync(installed, { recursive: true }));

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

it(
	"works against the service, as does the notebook",
	async () => {
		const home = mkdtempSync(join(tmpdir(), "valence-python-"));
		const stack = await startStack({ home, port: 0 });
		try {
			const env = { ...process.env, VALENCE_URL: stack.url, PYTHONPATH: installed, OMP_NUM_THREADS: "1" };
			const run = spawn(PYTHON, ["-m", "pytest", "-q", "-p", "no:cacheprovider", "test/clients/python"], { env });
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
