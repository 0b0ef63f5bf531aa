// npm run bench -- NAME [options]: the scripts of bench/, each prints ratios against a comparator of the same run.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { register } from "tsx/esm/api";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const [node, script, name, ...options] = process.argv;
const path = (ending) => join(ROOT, "bench", `${name}.${ending}`);
if (name && existsSync(path("ts"))) {
	// In this process, so that a signal for npm reaches whatever is at work.
	process.argv = [node, script, ...options];
	register();
	await import(pathToFileURL(path("ts")).href);
} else if (name && existsSync(path("py"))) {
	const { status } = spawnSync(join(ROOT, "services/trainer-py/.venv/bin/python"), [path("py"), ...options], {
		stdio: "inherit",
		env: { ...process.env, PYTHONPATH: join(ROOT, "services/trainer-py") },
		cwd: process.env.INIT_CWD ?? ROOT,
	});
	process.exit(status ?? 1);
} else {
	const known = readdirSync(join(ROOT, "bench")).flatMap((file) => /^(.+)\.(?:py|ts)$/.exec(file)?.[1] ?? []);
	console.error(`npm run bench -- NAME [options]; NAME is one of ${known.join(", ")}`);
	process.exit(2);
}
