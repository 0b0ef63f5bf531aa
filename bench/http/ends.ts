// Whatever is started is ended: after its use, or all of it when the bench is told to stop.

const ends: (() => unknown)[] = [];
const wish = new AbortController();
/** Aborted once the bench is to stop. */
export const stopping = wish.signal;

/** Has `end` called when the bench ends. */
export const atEnd = (end: () => unknown) => ends.push(end);

/** Ends what is there, the newest first. */
export async function endAll(): Promise<void> {
	for (const end of ends.splice(0).reverse()) await end();
}

/** The same, after which nothing is started any more. */
export function stop(): Promise<void> {
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
