// When what breaks: drawn from a seed alone, so that the seed is all one needs to see it again.

export interface Step {
	/** Seconds after the start. */
	at: number;
	fault: string;
	/** Seconds until it is mended. */
	held: number;
	/** From 0 to below 1: which of several processes, files or runs. */
	pick: number;
}

const SHORTEST_PAUSE = 5;
const LONGEST_PAUSE = 15;
const SHORTEST_HOLD = 1;

/** Numbers from 0 to below 1, the same for a seed on every machine (mulberry32). */
export function random(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

/** Every 5 to 15 seconds one fault; each once before any comes again. One is mended before the next begins. */
export function drawSchedule(seed: number, seconds: number, faults: readonly string[]): Step[] {
	const next = random(seed);
	const steps: Step[] = [];
	let deck: string[] = [];
	for (let at = 0; ; ) {
		at += SHORTEST_PAUSE + next() * (LONGEST_PAUSE - SHORTEST_PAUSE);
		if (at > seconds) return steps;
		if (deck.length === 0) deck = [...faults];
		const [fault = ""] = deck.splice(Math.floor(next() * deck.length), 1);
		const held = SHORTEST_HOLD + next() * (SHORTEST_PAUSE - SHORTEST_HOLD);
		steps.push({ at: tenths(at), fault, held: tenths(held), pick: next() });
	}
}

const tenths = (value: number) => Math.floor(value * 10) / 10;

export const line = ({ at, fault, held }: Step) => `${at.toFixed(1).padStart(7)} s  ${fault} for ${held.toFixed(1)} s`;
