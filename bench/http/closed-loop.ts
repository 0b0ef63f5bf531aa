// A closed loop: each client asks again as soon as it has its answer.
import autocannon from "autocannon";
import type { Observed } from "./figures.js";
import { draw, type Question } from "./questions.js";

/** Drawn ahead, over all clients; each client begins its own again when it is through. */
const DRAWN = 16_384;
const LEAST_DRAWN = 256;
/** Answers of the first moment do not count: all clients begin at once, and the first has waited until the last was made. */
const SETTLE_MS = 500;
/** A server that is gone must not be asked for the rest of the time. */
const MOST_ERRORS = 1_000;

export interface ClosedLoop {
	url: string;
	questions: Question[];
	seed: number;
	clients: number;
	/** How long, or how many requests. */
	seconds?: number | undefined;
	requests?: number | undefined;
}

export function closedLoop({ url, questions, seed, clients, seconds = 0, requests }: ClosedLoop): Promise<Observed> {
	const latencies: number[] = [];
	let failed = 0;
	let next = 0;
	const count = Math.max(Math.ceil(DRAWN / clients), LEAST_DRAWN);
	return new Promise((resolve, reject) => {
		let from = Number.POSITIVE_INFINITY;
		const ended = (error: Error | null) => {
			if (error) return reject(error);
			resolve({ latencies, failed, unanswered: 0, rate: (latencies.length * 1000) / (performance.now() - from) });
		};
		const running = autocannon(
			{
				url,
				connections: clients,
				bailout: MOST_ERRORS,
				// Its default looks once a second whether it is done.
				sampleInt: 50,
				...(requests ? { amount: requests } : { duration: seconds + SETTLE_MS / 1000 }),
				setupClient: (client) => client.setRequests(draw(questions, count, seed + next++)),
			},
			ended,
		);
		// Its own histogram counts whole milliseconds.
		running.on("response", (_, status, __, milliseconds) => {
			if (status < 200 || status > 299) failed += 1;
			else if (performance.now() >= from) latencies.push(milliseconds);
		});
		running.on("reqError", () => {
			failed += 1;
		});
		from = performance.now() + (requests ? 0 : SETTLE_MS);
	});
}
