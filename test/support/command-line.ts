// `valence` as a process of its own, as a shell or a program runs it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const MAIN = join(process.cwd(), "services/cli/dist/main.js");
const NAMES = ["DATABASE_URL", "REDIS_URL", "INIT_CWD", "VALENCE_URL", "VALENCE_API_KEY", "API_KEYS", "HOST", "PORT"];
/** The environment without what names a service, a key or a database. */
export const OUTSIDE = Object.fromEntries(Object.entries(process.env).filter(([name]) => !NAMES.includes(name)));

export interface Ended {
	status: number | null;
	stdout: string;
	stderr: string;
}

/** In a folder and with contexts and a home of its own, so that nothing of this machine's user is read or written. */
export function commandLine(settings: Record<string, string> = {}) {
	const folder = mkdtempSync(join(tmpdir(), "valence-cli-"));
	const own = { XDG_CONFIG_HOME: join(folder, "config"), VALENCE_HOME: join(folder, "home"), NO_COLOR: "1" };
	const begin = (args: string[], env: Record<string, string> = {}, input = "") => {
		const child = spawn(process.execPath, [MAIN, ...args], {
			cwd: folder,
			env: { ...OUTSIDE, ...own, ...settings, ...env },
			stdio: ["pipe", "pipe", "pipe"],
		});
		child.stdin.on("error", () => undefined); // it may end unread
		child.stdin.end(input);
		return child;
	};
	async function valence(args: string[], env: Record<string, string> = {}, input = ""): Promise<Ended> {
		const child = begin(args, env, input);
		const said = { stdout: "", stderr: "" };
		for (const name of ["stdout", "stderr"] as const)
			child[name].on("data", (chunk) => {
				said[name] += chunk;
			});
		const [status] = (await once(child, "close")) as [number | null];
		return { status, ...said };
	}
	return { folder, begin, valence };
}
