// npm run fuzz -- [--examples N] [--seconds S] [--seed S]: schemathesis asks a real api everything its OpenAPI document allows, and more.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { installPython } from "../../scripts/python-packages.mjs";
import { startFilled } from "./running.js";

const FOLDER = "test/fuzz";
/** A request without answer for so long hangs. */
const HANG_S = 30;

const { values } = parseArgs({
	options: {
		/** Of each operation, beside those that follow from its schema. */
		examples: { type: "string", default: "60" },
		seconds: { type: "string", default: "1200" },
		seed: { type: "string", default: "1" },
	},
});
await installPython(FOLDER, "requirements.txt");
const { url, stop } = await startFilled();
let status: number | null = 1;
try {
	const given = ["run", `${url}/openapi.json`, "--phases", "coverage,fuzzing,stateful", "--workers", "2"];
	const limits = ["--max-examples", values.examples, "--max-time", values.seconds, "--request-timeout", String(HANG_S)];
	const rest = ["--seed", values.seed, "--continue-on-failure", "--no-shrink", "--no-color", "--warnings", "off"];
	const checks = ["--checks", "not_a_server_error", "--generation-database", "none"];
	const command = join(FOLDER, ".venv/bin/st");
	const asking = spawn(command, [...given, ...limits, ...rest, ...checks], { stdio: "inherit" });
	[status] = (await once(asking, "exit")) as [number | null];
} finally {
	await stop();
}
process.exit(status ?? 1);
