// Whatever is started is ended: after its use, or all of it when the bench is over or told to stop.
import { dim, say } from "../../services/supervisor/src/terminal.js";
import { onWish } from "../../services/supervisor/src/wish.js";

const ends: (() => unknown)[] = [];
const wish = new AbortController();
/** Aborted once the bench is to stop. */
export const stopping = wish.signal;

/** Has `end` called when the bench ends. */
export const atEnd = (end: () => unknown) => ends.push(end);

/** Ends what is there, the newest first. */
async function endAll(): Promise<void> {
	for (const end of ends.splice(0).reverse()) await end();
}

/** The same, after which nothing is started any more. */
function stop(): Promise<void> {
	wish.abort();
	return endAll();
}

/** Runs `work` on what is being started, and ends it afterwards, whatever comes meanwhile. */
export async function using<T extends { stop(): Promise<unknown> }, R>(
	start: () => T | Promise<T>,
	work: (running: T) => Promise<R>,
): Promise<R> {
	stopping.throwIfAborted();
	const starting = Promise.resolve(start());
	const end = () =>
		starting.then(
			(running) => running.stop(),
			() => undefined,
		);
	ends.push(end);
	try {
		return await work(await starting);
	} finally {
		const place = ends.indexOf(end);
		if (place >= 0) ends.splice(place, 1);
		await end();
	}
}

/** A whole bench: does `work`, ends what is there, and ends the process, with 1 where that threw or was not well. */
export async function runBench(work: () => Promise<boolean>): Promise<never> {
	onWish(() => {
		if (stopping.aborted) process.exit(130);
		say(`\n${dim("stopping …")}`);
		void stop().finally(() => process.exit(130));
	});
	try {
		const isWell = await work();
		await endAll();
		process.exit(isWell ? 0 : 1);
	} catch (error) {
		// What breaks while everything is being stopped says nothing; who stops it ends the process.
		if (stopping.aborted) await new Promise(() => undefined);
		process.stderr.write(`\n${error instanceof Error ? error.message : error}\n`);
		await endAll();
		process.exit(1);
	}
}
