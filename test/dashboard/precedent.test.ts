import { askedOf, otherThen, precedentSentence, secondsOfAll } from "../../services/dashboard/src/precedent";

const precedent = {
	config: { k: 4, epochs: 40, patience: 5, learning_rate: 0.01 },
	epoch: 12,
	trainSeconds: 33.6,
	peakMemoryBytes: 2 ** 29,
};
const fields = {
	k: { default: 4 },
	epochs: { default: 300 },
	patience: { default: 15 },
	learning_rate: { default: 0.01 },
};
const asked = (params: Record<string, unknown> = {}, grid: Record<string, unknown[]> = {}) =>
	askedOf(fields, { params, grid });

it("says what the last one took, and what all epochs would take where one is alike", () => {
	expect(precedentSentence(precedent, asked())).toBe(
		"The last one on this dataset took 34 s for 12 epochs, 2.8 s each, and 512.0 MiB of memory. All 300 epochs would take 14 min; training ends earlier once it gets no better.",
	);
});

it("says what was other then, and guesses nothing from it", () => {
	expect(otherThen(precedent, asked({ k: 8 }))).toEqual(["k"]);
	expect(otherThen(precedent, asked({}, { k: [4, 8] }))).toEqual(["k"]);
	expect(precedentSentence(precedent, asked({ k: 8 }))).toBe(
		"The last one on this dataset took 34 s for 12 epochs, 2.8 s each, and 512.0 MiB of memory. It had k=4.",
	);
});

it("speaks of no epochs where there was one, and of no memory where it is not known", () => {
	const solved = { config: {}, epoch: 1, trainSeconds: 0.256, peakMemoryBytes: null };
	expect(precedentSentence(solved, {})).toBe("The last one on this dataset took 0.26 s.");
	expect(precedentSentence({ ...solved, trainSeconds: null }, {})).toBeNull();
});

it("sums up only what is known of every model", () => {
	const part = { precedent, asked: asked(), runs: 3 };
	expect(secondsOfAll([part, { ...part, runs: 1 }])).toBeCloseTo(4 * 33.6);
	expect(secondsOfAll([part, { ...part, precedent: null }])).toBeNull();
	expect(secondsOfAll([part, { ...part, asked: asked({ k: 8 }) }])).toBeNull();
});
