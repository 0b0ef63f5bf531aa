// valence backup and valence restore as processes of their own.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

interface Ended {
	status: number | null;
	said: string;
}

/** `shell` is run first, in the same process: for its limits. */
export function start(
	command: "backup" | "restore",
	args: string[],
	env: Record<string, string>,
	shell = "",
): ChildProcess {
	const { DATABASE_URL: _, REDIS_URL: __, VALENCE_ARTIFACTS: ___, INIT_CWD: ____, ...rest } = process.env;
	const script = join(ROOT, "services/cli/dist/main.js");
	const given = shell ? ["/bin/sh", "-c", `${shell}; exec "$@"`, "sh"] : [];
	const [first, ...more] = [...given, process.execPath, script, command, ...args];
	return spawn(first as string, more, { cwd: tmpdir(), env: { ...rest, ...env }, stdio: ["ignore", "pipe", "pipe"] });
}

/** To its end, with all that it says. */
export async function run(...given: Parameters<typeof start>): Promise<Ended> {
	const child = start(...given);
	let said = "";
	for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => (said += chunk));
	const [status] = (await once(child, "close")) as [number | null];
	return { status, said };
}

/** Kills the command with everything that hangs on it, after so many milliseconds. */
export async function kill(after: number, ...given: Parameters<typeof start>): Promise<void> {
	const child = start(...given);
	const gone = once(child, "exit");
	await sleep(after);
	child.kill("SIGKILL");
	await gone;
}

/** The same as soon as it says that it has done this; throws when it ends before. */
export async function killWhen(done: string, ...given: Parameters<typeof start>): Promise<void> {
	const child = start(...given);
	const gone = once(child, "exit");
	let said = "";
	child.stdout?.on("data", (chunk) => {
		said += chunk;
		if (said.includes(`✓ ${done}`)) child.kill("SIGKILL");
	});
	const [status] = (await gone) as [number | null];
	if (status !== null) throw new Error(`it ended with status ${status}, and did not say ${done}:\n${said}`);
}
