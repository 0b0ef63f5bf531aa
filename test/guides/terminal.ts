// One person's terminals in a folder: a shell that keeps what was exported, and services that go on beside it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/processes.js";

const READY = "stops it";
const START_SECONDS = 120;

export class Shell {
	private output = "";
	private readonly process: ChildProcess;
	private typed = 0;

	constructor(
		folder: string,
		env: NodeJS.ProcessEnv,
		/** Where what is typed is kept, apart from the folder that the person sees. */
		private readonly scripts: string,
	) {
		this.process = spawn("bash", ["--noprofile", "--norc"], { cwd: folder, env, stdio: "pipe" });
		this.process.stdout?.on("data", (chunk) => {
			this.output += chunk;
		});
		this.process.stdin?.write("exec 2>&1; set -eo pipefail\n");
	}

	/** Returns what it printed; throws with that when a line of it fails. */
	async type(text: string): Promise<string> {
		const script = join(this.scripts, `typed-${++this.typed}.sh`);
		writeFileSync(script, text);
		this.output = "";
		const end = `\n--- ${script} is done\n`;
		// Nothing may read what is typed next.
		this.process.stdin?.write(`. ${script} </dev/null\nprintf '%s' '${end}'\n`);
		await until(text, () => this.output.endsWith(end) || this.process.exitCode !== null, 300);
		if (!this.output.endsWith(end)) throw new Error(`${text}\nfailed with ${this.process.exitCode}:\n${this.output}`);
		return this.output.slice(0, -end.length);
	}

	close(): void {
		this.process.kill();
	}
}

/** Starts what stays in a terminal of its own, and waits until it says that it is up. */
export async function serve(text: string, folder: string, env: NodeJS.ProcessEnv) {
	let output = "";
	const child = spawn("bash", ["-ec", text], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"], detached: true });
	const isGone = () => child.exitCode !== null || child.signalCode !== null;
	for (const stream of [child.stdout, child.stderr])
		stream.on("data", (chunk) => {
			output += chunk;
		});
	const end = async () => {
		if (isGone()) return;
		const closed = once(child, "close");
		process.kill(-(child.pid as number), "SIGTERM"); // as the terminal does: to all in it
		await closed;
	};
	await until("it is up", () => output.includes(READY) || isGone(), START_SECONDS).catch(async (error) => {
		await end();
		throw new Error(`${error.message}:\n${output}`);
	});
	if (isGone()) throw new Error(`${text}\nended with ${child.exitCode}:\n${output}`);
	return { end };
}
