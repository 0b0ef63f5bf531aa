// One supervised process: logged to a file, restarted when it dies, gone when we are.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, readFileSync, renameSync, statSync } from "node:fs";

const MOST_LOG_BYTES = 20 * 2 ** 20;
const KILL_MS = 8_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const STABLE_MS = 30_000;

export interface ServiceSpec {
	name: string;
	command: string;
	arguments: string[];
	cwd: string;
	env: Record<string, string>;
	logFile: string;
}

export class Service {
	private child: ChildProcess | null = null;
	private stopping = false;
	private pause = FIRST_PAUSE_MS;
	private timer: NodeJS.Timeout | null = null;

	constructor(
		readonly spec: ServiceSpec,
		private readonly onCrash: (message: string) => void,
	) {
		this.start();
	}

	get pid(): number | undefined {
		return this.child?.pid;
	}

	private start(): void {
		const { name, command, arguments: given, cwd, env, logFile } = this.spec;
		if (existsSync(logFile) && statSync(logFile).size > MOST_LOG_BYTES) renameSync(logFile, `${logFile}.1`);
		const log = createWriteStream(logFile, { flags: "a" });
		const startedAt = Date.now();
		// The pipe to its standard input closes with us, however we end, and EXIT_WITH_STDIN makes it follow.
		const child = spawn(command, given, {
			cwd,
			env: { ...process.env, ...env, EXIT_WITH_STDIN: "1" },
			stdio: ["pipe", "pipe", "pipe"],
			detached: true, // a Ctrl-C in the terminal is ours to handle, in order
		});
		this.child = child;
		child.stdin?.on("error", () => undefined);
		child.stdout?.pipe(log, { end: false });
		child.stderr?.pipe(log, { end: false });
		child.on("error", (error) => log.write(`${error.message}\n`));
		child.on("exit", (status, signal) => {
			log.end();
			if (this.stopping) return;
			if (Date.now() - startedAt > STABLE_MS) this.pause = FIRST_PAUSE_MS;
			this.onCrash(`${name} ended with ${signal ?? `status ${status}`}, starting it again; its log is ${logFile}`);
			this.timer = setTimeout(() => this.start(), this.pause);
			this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
		});
	}

	async stop(): Promise<void> {
		this.stopping = true;
		if (this.timer) clearTimeout(this.timer);
		const child = this.child;
		if (!child || child.exitCode !== null || child.signalCode !== null) return;
		const gone = once(child, "exit");
		child.kill("SIGTERM");
		const late = setTimeout(() => child.kill("SIGKILL"), KILL_MS);
		await gone;
		clearTimeout(late);
	}

	/** Ends the process; the supervisor starts it again. */
	again(): void {
		this.child?.kill("SIGTERM");
	}

	kill(): void {
		this.stopping = true;
		this.child?.kill("SIGKILL");
	}

	lastLines(count = 15): string {
		try {
			return readFileSync(this.spec.logFile, "utf8").trimEnd().split("\n").slice(-count).join("\n");
		} catch {
			return "";
		}
	}
}
