// An open loop: requests leave at a fixed rate, whatever the server does, as those of many people would.
// autocannon's rate (9.0.0) is none: it sends each second's requests in one burst, as a closed loop, and its correction
// for coordinated omission takes one millisecond for the interval between them. Of a server that stood still for one
// second in ten, asked 200 times a second, it told a median of 360 ms. Here a latency begins when its request was due,
// so that there is nothing to correct.
import { setTimeout as sleep } from "node:timers/promises";
import { Pool } from "undici";
import type { Observed } from "./figures.js";
import { draw, type Question } from "./questions.js";

const CONNECTIONS = 256;
/** Where more than this waits, the rate is out of reach. */
const MOST_WAITING_SECONDS = 1;
const LEAST_MOST_WAITING = 500;
/** For the last answers. */
const WAIT_MS = 2_000;
/** Of load before the one that counts: connections are made, code is compiled. */
const LEAD_SECONDS = 1;

export interface OpenLoop {
	url: string;
	questions: Question[];
	seed: number;
	/** Requests a second. */
	rate: number;
	seconds: number;
}

export interface OpenObserved extends Observed {
	/** How late after it was due each request left: what is the generator's own fault. Milliseconds. */
	lateness: number[];
	/** False when so much waited that the load was given up before its time. */
	isWhole: boolean;
}

export async function openLoop({ url, questions, seed, rate, seconds }: OpenLoop): Promise<OpenObserved> {
	const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
	const lead = Math.ceil(rate * LEAD_SECONDS);
	const drawn = draw(questions, lead + Math.ceil(rate * seconds), seed);
	const mostWaiting = Math.max(rate * MOST_WAITING_SECONDS, LEAST_MOST_WAITING);
	const latencies: number[] = [];
	const lateness: number[] = [];
	const waiting = new Set<number>();
	let failed = 0;
	let answered = 0;
	const started = performance.now();
	let last = started;
	const sinceDue = (index: number) => performance.now() - started - (index * 1000) / rate;

	const send = (index: number) => {
		const { method, path, headers = {}, body = null } = drawn[index] as Question;
		let status = 0;
		waiting.add(index);
		if (index >= lead) lateness.push(sinceDue(index));
		const end = (isAnswered: boolean) => {
			if (!waiting.delete(index)) return;
			last = performance.now();
			if (!isAnswered || status < 200 || status > 299) {
				failed += 1;
				return;
			}
			answered += 1;
			if (index >= lead) latencies.push(sinceDue(index));
		};
		pool.dispatch(
			{ method, path, headers, body },
			{
				onRequestStart: () => undefined,
				onResponseStart: (_, code) => {
					status = code;
				},
				onResponseData: () => undefined,
				onResponseEnd: () => end(true),
				onResponseError: () => end(false),
			},
		);
	};

	let sent = 0;
	while (sent < drawn.length && waiting.size <= mostWaiting) {
		const due = Math.min(Math.floor(((performance.now() - started) * rate) / 1000) + 1, drawn.length);
		while (sent < due) send(sent++);
		await sleep(1);
	}
	const isWhole = sent === drawn.length;
	for (const until = performance.now() + WAIT_MS; isWhole && waiting.size > 0 && performance.now() < until; )
		await sleep(1);
	const took =
		(isWhole ? Math.max(last - started, (LEAD_SECONDS + seconds) * 1000) : performance.now() - started) / 1000;
	const unanswered = waiting.size;
	for (const index of waiting) latencies.push(sinceDue(index));
	waiting.clear();
	await pool.destroy();
	return { latencies, lateness, failed, unanswered, isWhole, rate: answered / took };
}
