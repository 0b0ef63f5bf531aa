// Child processes of the failure tests: spawned, hit with signals, and surely gone at the end.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const LOG_KEPT = 200_000;

export class Process {
	private readonly child: ChildProcess;
	private text = "";

	constructor(
		readonly name: string,
		command: string,
		given: string[],
		env: Record<string, string>,
		cwd: string,
	) {
		this.child = spawn(command, given, { cwd, env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "pipe"] });
		this.child.stdin?.on("error", () => undefined);
		for (const stream of [this.child.stdout, this.child.stderr]) {
			stream?.on("data", (chunk: Buffer) => {
				this.text = (this.text + chunk.toString()).slice(-LOG_KEPT);
			});
		}
	}

	get pid(): number {
		return this.child.pid as number;
	}

	get log(): string {
		return this.text;
	}

	get isGone(): boolean {
		return this.child.exitCode !== null || this.child.signalCode !== null;
	}

	signal(signal: NodeJS.Signals): void {
		process.kill(this.pid, signal);
	}

	/** Signals and waits for the end. */
	async end(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
		if (this.isGone) return;
		const gone = once(this.child, "exit");
		this.child.kill(signal);
		await gone;
	}
}

/** Ids of the trainer's child processes that work on these artifacts, orphans included; of one kind where it is given. */
export function trainerChildren(artifacts: string, kind = ""): number[] {
	return readdirSync("/proc")
		.map(Number)
		.filter((pid) => pid > 0 && isChild(pid, artifacts, kind));
}

function isChild(pid: number, artifacts: string, kind: string): boolean {
	try {
		const isZombie = /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
		const [title = ""] = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
		return !isZombie && title.startsWith(`trainer.child ${kind}`) && title.endsWith(` of ${artifacts}`);
	} catch {
		return false; // it ended while we looked
	}
}

type Falsy = null | undefined | false | 0 | "";
/** Polls until the answer is truthy and returns it. */
export async function until<T>(what: string, ask: () => Promise<T> | T, seconds = 90): Promise<Exclude<T, Falsy>> {
	for (const deadline = Date.now() + seconds * 1000; ; await sleep(50)) {
		const answer = await ask();
		if (answer) return answer as Exclude<T, Falsy>;
		if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${what}`);
	}
}
