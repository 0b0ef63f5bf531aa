// The wish to stop, whichever way it comes: Ctrl-C, SIGTERM, a closed terminal.

/** npm hands a signal on that the terminal has sent to everybody already: both are one wish. */
const ONE_WISH_MS = 500;

/** Calls `stop` at each wish; a second one means that the first takes too long. */
export function onWish(stop: () => void): void {
	// A terminal that has been closed takes no more words; that must not end us before everything is stopped.
	for (const stream of [process.stdout, process.stderr]) stream.on("error", () => undefined);
	let wishedAt = 0;
	for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
		process.on(signal, () => {
			if (Date.now() - wishedAt < ONE_WISH_MS) return;
			wishedAt = Date.now();
			stop();
		});
	}
}
