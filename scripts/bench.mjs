// npm run bench -- NAME [options]: the scripts of bench/, each prints ratios against a comparator of the same run.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const [name, ...options] = process.argv.slice(2);
const script = join(ROOT, "bench", `${name}.py`);
if (!name || !existsSync(script)) {
	const known = readdirSync(join(ROOT, "bench")).filter((file) => file.endsWith(".py"));
	console.error(`npm run bench -- NAME [options]; NAME is one of ${known.map((file) => file.slice(0, -3)).join(", ")}`);
	process.exit(2);
}
const { status } = spawnSync(join(ROOT, "services/trainer-py/.venv/bin/python"), [script, ...options], {
	stdio: "inherit",
	env: { ...process.env, PYTHONPATH: join(ROOT, "services/trainer-py") },
	cwd: process.env.INIT_CWD ?? ROOT,
});
process.exit(status ?? 1);
