// What is happening now on one line that is written over; what has happened stays above it.
import { say } from "../terminal.js";

/** Without a terminal nothing can be written over, so the line comes seldom. */
const SELDOM_MS = 15_000;

export class Board {
	private last = "";
	private saidAt = 0;
	private closed = false;

	now(text: string): void {
		if (this.closed) return;
		if (process.stdout.isTTY) {
			const width = (process.stdout.columns || 80) - 1;
			process.stdout.write(`\r\u001b[K${text.slice(0, width)}`);
		} else if (text !== this.last && Date.now() - this.saidAt >= SELDOM_MS) {
			say(text);
			this.saidAt = Date.now();
		}
		this.last = text;
	}

	keep(text: string): void {
		this.clear();
		say(text);
	}

	/** From now on nothing is news. */
	close(): void {
		this.clear();
		this.closed = true;
	}

	clear(): void {
		if (process.stdout.isTTY) process.stdout.write("\r\u001b[K");
	}
}
