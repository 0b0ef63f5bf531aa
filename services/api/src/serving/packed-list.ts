// One list in columns, as the recommender sends it and as it is kept.
import type { PackedList } from "../generated/proto/recommender/v1/recommender.js";

export const NOTHING = 0xffffffff;
export const REASONS = 3;

/**
 * Best first. shares [n * K], empty without interests; because [n * 3] columns, NOTHING where there is none; linear [n], the share of
 * the model's linear path, empty without one.
 */
export interface List {
	items: Uint32Array;
	scores: Float32Array;
	shares: Float32Array;
	because: Uint32Array;
	linear: Float32Array;
}

/** Both ends run on little-endian machines, so that bytes are numbers as they stand. */
export const unpacked = ({ items, scores, shares, because, linear }: PackedList): List => ({
	items: numbers(items, Uint32Array),
	scores: numbers(scores, Float32Array),
	shares: numbers(shares, Float32Array),
	because: numbers(because, Uint32Array),
	linear: numbers(linear, Float32Array),
});

/** The items at `first` to before `end` of a list, or of several joined, as views of its arrays. */
export const partOf = (list: List, interests: number, first: number, end: number): List => ({
	items: list.items.subarray(first, end),
	scores: list.scores.subarray(first, end),
	shares: list.shares.subarray(first * interests, end * interests),
	because: list.because.subarray(first * REASONS, end * REASONS),
	linear: list.linear.subarray(first, end),
});

/** A message's bytes lie anywhere in it; numbers must lie at multiples of four. */
function numbers<T>(bytes: Uint8Array, kind: { new (buffer: ArrayBuffer): T }): T {
	return new kind(new Uint8Array(bytes).buffer);
}
