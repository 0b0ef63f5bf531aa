// What both commands print: steps, bars of bytes, sizes; and how they end.
import { complain, isTerminal, progress, say, sayDone, size } from "../terminal.js";
import { onWish } from "../wish.js";
import type { Following } from "./archive.js";

/** Done, and nothing is missing. */
export const DONE = 0;
/** Refused or failed: there is no file, nothing was restored. */
export const FAILED = 1;
/** The backup is there and sound, but artifacts that it should hold were missing or damaged before. */
export const INCOMPLETE = 3;
const INTERRUPTED = 130;

const STAGES: Record<string, string> = {
	copy: "copying datasets and checkpoints",
	verify: "reading every byte",
	unpack: "writing datasets and checkpoints",
};

/** A step whose bytes are followed: a bar on a terminal, elsewhere a line for each quarter. */
export async function followed<T>(
	name: string,
	signal: AbortSignal,
	work: (following: Following) => Promise<T>,
): Promise<T> {
	const started = Date.now();
	let bar: ReturnType<typeof progress> | null = null;
	const watch: Following["watch"] = (stage, done, total) => {
		bar ??= progress();
		const part = total > 0 ? Math.min(done / total, 1) : 1;
		const told = isTerminal() ? part : Math.floor(part * 4) / 4;
		bar.update(told, `${STAGES[stage] ?? stage}, ${size(Math.round(told * total))} of ${size(total)}`);
	};
	const result = await work({ watch, signal }).finally(() => bar?.stop());
	sayDone(name, started);
	return result;
}

/** Runs a command to its exit status. A first Ctrl-C ends it in order, a second one at once. */
export async function runCommand(work: (signal: AbortSignal) => Promise<number>): Promise<never> {
	const stop = new AbortController();
	onWish(() => {
		if (stop.signal.aborted) process.exit(INTERRUPTED);
		say("\nstopping …");
		stop.abort(new Error("stopped"));
	});
	try {
		process.exit(await work(stop.signal));
	} catch (error) {
		complain(`\n${stop.signal.aborted ? "stopped" : inWords(error)}`);
		process.exit(stop.signal.aborted ? INTERRUPTED : FAILED);
	}
}

function inWords(error: unknown): string {
	// A name with several addresses fails with one error for each.
	if (error instanceof AggregateError && !error.message) return inWords(error.errors[0]);
	const isFull = (error as NodeJS.ErrnoException | null)?.code === "ENOSPC";
	if (isFull) return `the disk is full: nothing was kept of what was begun (${(error as Error).message})`;
	return error instanceof Error ? error.message : String(error);
}
