// Commands of the set-up and the checks: run to their end, with what they said, and ended with us.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
const OUTPUT_GRACE_MS = 2_000;

/** What is at work at the moment; it ends with us. */
const atWork = new Set();

export function run(command, args, { cwd = ROOT, env = {}, quiet = false } = {}) {
	return new Promise((resolve, reject) => {
		const child = spawn(command, args, { cwd, env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "pipe"] });
		atWork.add(child);
		child.on("exit", () => atWork.delete(child));
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

export function endAll() {
	for (const child of atWork) child.kill();
}
