// Where the log lines of a process go: its standard output.
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";

const FLUSH_MS = 1_000;

/**
 * Written asynchronously, and all of it before an orderly end. At the exit pino's stream would write what is left
 * synchronously, and try again for ever when whoever reads it is gone, with a supervisor that was killed.
 */
export function logStream() {
	const stream = pino.destination({ fd: 1, sync: false });
	stream.flushSync = () => undefined;
	stream.on("error", () => Object.assign(stream, { write: () => true, flush: (done?: () => void) => done?.() }));
	const late = () => sleep(FLUSH_MS, undefined, { ref: false });
	const flush = () => Promise.race([new Promise<void>((resolve) => stream.flush(() => resolve())), late()]);
	return { stream, flush };
}
