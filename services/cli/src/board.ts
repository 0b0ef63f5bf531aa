// What is happening now on one line that is written over; what has happened stays above it.
import { forgetNow, isTerminal, say, sayNow } from "@valence/supervisor/terminal";

/** Without a terminal nothing can be written over, so the line comes seldom. */
const SELDOM_MS = 15_000;

export class Board {
	private last = "";
	private saidAt = 0;
	private closed = false;

	now(text: string): void {
		if (this.closed) return;
		if (isTerminal()) sayNow(text);
		else if (text !== this.last && Date.now() - this.saidAt >= SELDOM_MS) {
			say(text);
			this.saidAt = Date.now();
		}
		this.last = text;
	}

	keep(text: string): void {
		forgetNow();
		say(text);
	}

	/** From now on nothing is news. */
	close(): void {
		forgetNow();
		this.closed = true;
	}

	clear(): void {
		forgetNow();
	}
}
