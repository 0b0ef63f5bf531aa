// One supervised process: logged to a file, restarted when it dies, gone when we are.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync, readFileSync, renameSync, statSync, type WriteStream } from "node:fs";

const MOST_LOG_BYTES = 20 * 2 ** 20;
const KILL_MS = 8_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15_000;
const STABLE_MS = 30_000;
/** Of what a process says last; enough for the reason it gives. */
const SAID_KEPT = 4_000;
const LAST_WORDS_MS = 100;
/** By convention of all our processes: its settings are wrong, and starting it again changes nothing. */
const BAD_SETTING = 2;

export interface ServiceSpec {
	name: string;
	command: string;
	arguments: string[];
	cwd: string;
	env: Record<string, string>;
	logFile: string;
}

/** Appends to a log, which is put aside first when it has grown too large. */
export function openLog(file: string): WriteStream {
	if (existsSync(file) && statSync(file).size > MOST_LOG_BYTES) renameSync(file, `${file}.1`);
	return createWriteStream(file, { flags: "a" });
}

export class Service {
	private child: ChildProcess | null = null;
	private stopping = false;
	private pause = FIRST_PAUSE_MS;
	private timer: NodeJS.Timeout | null = null;

	constructor(
		readonly spec: ServiceSpec,
		private readonly onCrash: (message: string) => void,
		/** It will not be started again. */
		private readonly onRefusal: (error: Error) => void,
	) {
		this.start();
	}

	get pid(): number | undefined {
		return this.child?.pid;
	}

	private start(): void {
		const { name, command, arguments: given, cwd, env, logFile } = this.spec;
		const log = openLog(logFile);
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
		let said = "";
		child.stderr?.on("data", (chunk: Buffer) => {
			said = (said + chunk).slice(-SAID_KEPT);
		});
		child.stdout?.pipe(log, { end: false });
		child.stderr?.pipe(log, { end: false });
		child.on("error", (error) => log.write(`${error.message}\n`));
		child.on("exit", (status, signal) => {
			if (this.stopping || status !== BAD_SETTING) log.end();
			if (this.stopping) return;
			if (status === BAD_SETTING) {
				this.stopping = true;
				const refuse = () => {
					log.end();
					this.onRefusal(new Error(said.trim() || `${name} does not accept its settings; its log is ${logFile}`));
				};
				setTimeout(refuse, LAST_WORDS_MS); // what it said last may still be on its way
				return;
			}
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
