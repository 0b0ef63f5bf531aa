// What is asked, and in which order: drawn from a seed, every user equally likely, the same for every subject.

export interface Question {
	method: "GET" | "POST";
	path: string;
	headers?: Record<string, string>;
	body?: string;
}

export const post = (path: string, body: object): Question => ({
	method: "POST",
	path,
	headers: { "content-type": "application/json" },
	body: JSON.stringify(body),
});

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function randomOf(seed: number): () => number {
	let state = seed >>> 0;
	return () => {
		state = (state + 0x6d2b79f5) >>> 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
	};
}

export function draw<T>(from: T[], count: number, seed: number): T[] {
	const random = randomOf(seed);
	return Array.from({ length: count }, () => from[Math.floor(random() * from.length)] as T);
}
