// The load generator: a process of its own, so that neither what it measures nor what starts that shares its event loop.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Figures } from "./figures.js";
import type { Question } from "./questions.js";

export type Load =
	| { kind: "closed"; clients: number; seconds?: number; requests?: number }
	| { kind: "open"; rate: number; seconds: number };

export interface Order {
	url: string;
	questions: Question[];
	seed: number;
	load: Load;
}

export interface Answer {
	figures: Figures;
	/** Of an open loop: whether it came to its end, and the 99th percentile of how late requests left, in ms. */
	isWhole: boolean;
	lateness: number;
}

export class Generator {
	private readonly gone: Promise<[{ error: string }]>;

	private constructor(private readonly child: ChildProcess) {
		this.gone = once(child, "exit").then(() => [{ error: "the load generator has ended" }]);
	}

	static async start(): Promise<Generator> {
		const child = fork(fileURLToPath(new URL("generator-process.ts", import.meta.url)), {
			execArgv: ["--import", "tsx"],
			// A Ctrl-C in the terminal is for who has started it.
			detached: true,
		});
		await once(child, "message");
		return new Generator(child);
	}

	async run(order: Order): Promise<Answer> {
		this.child.send(order);
		const [{ error, ...answer }] = (await Promise.race([once(this.child, "message"), this.gone])) as [
			Answer & { error?: string },
		];
		if (error) throw new Error(error);
		return answer;
	}

	stop(): void {
		this.child.kill();
	}
}
