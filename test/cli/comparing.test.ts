import { type Comparison, placesOf } from "../../services/cli/src/comparison";

const line = (mean: number | null, runs: number, seeds: number) =>
	({
		model: "valid",
		label: "",
		runs: Array(runs).fill({}),
		seeds,
		figures: [mean === null ? null : { mean, deviation: null }],
	}) as Comparison["lines"][number];
const compared = (lines: Comparison["lines"], isOpen = false): Comparison => ({
	protocolHash: "",
	dataset: "",
	metrics: ["test.recall@20"],
	lines,
	isOpen,
});

it("marks the best and the second, and none whose mean lacks a seed", () => {
	const whole = [line(0.3, 3, 3), line(0.2, 3, 3), line(0.1, 3, 3), line(null, 0, 1)];
	expect(placesOf(compared(whole))).toEqual([[1, 2, null, null]]);
	// One seed has failed: nobody knows what the mean of all three would be, and it is not the second's to be called first.
	expect(placesOf(compared([line(0.3, 2, 3), ...whole.slice(1)]))).toEqual([[null, 2, null, null]]);
});

it("marks nothing while runs are under way", () => {
	expect(placesOf(compared([line(0.3, 1, 1), line(0.2, 1, 1)], true))).toEqual([[null, null]]);
});
