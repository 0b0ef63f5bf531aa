// What may never answer, bounded in time.
import { setTimeout as sleep } from "node:timers/promises";

/** Rejects, saying `late`, when there is no answer within `ms`. What was asked goes on unheard. */
export function withDeadline<T>(asked: Promise<T>, ms: number, late: string): Promise<T> {
	const tooLate = sleep(ms, undefined, { ref: false }).then(() => {
		throw new Error(late);
	});
	return Promise.race([asked, tooLate]);
}
