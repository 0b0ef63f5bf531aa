import type { ModelEstimate } from "@valence/client";
import { estimateSentence, memoryText, secondsOfAll, timeText } from "../../services/dashboard/src/estimates";

const one: ModelEstimate = {
	model: "valid",
	runs: 3,
	class: null,
	memoryBytes: 2 ** 29,
	seconds: { low: 33.6, high: 840, like: "configuration" },
};

it("says what a run takes before there is one, and what that is made of", () => {
	expect(estimateSentence(one)).toBe(
		"A run takes about 512.0 MiB of memory, and 34 s to 14 min, like the last runs of this configuration on this dataset. Training ends early once it gets no better.",
	);
	expect(estimateSentence({ ...one, runs: 1, seconds: { low: 0.256, high: 0.256, like: "model" } })).toBe(
		"The run takes about 512.0 MiB of memory, and 0.26 s, like the last runs on other datasets, by their interactions.",
	);
});

it("says what is not known, and where it is sent", () => {
	expect(estimateSentence({ ...one, seconds: null, class: "gpu" })).toBe(
		"A run takes about 512.0 MiB of memory. How long is not known: no run of this model has ended. It goes to machines of class gpu.",
	);
	expect(estimateSentence({ ...one, memoryBytes: null, seconds: null })).toBe(
		"How long is not known: no run of this model has ended.",
	);
});

it("sums up only what is known of every model", () => {
	expect(secondsOfAll([one, { runs: 1, seconds: { low: 1, high: 2, like: "dataset" } }])).toEqual({
		low: expect.closeTo(3 * 33.6 + 1),
		high: 3 * 840 + 2,
	});
	expect(secondsOfAll([one, { runs: 1, seconds: null }])).toBeNull();
});

it("sets what was said beside what it took", () => {
	const estimate = { memoryBytes: 2 ** 29, seconds: one.seconds };
	expect(memoryText({ peakMemoryBytes: 2 ** 30, estimate })).toBe("1.0 GiB, about 512.0 MiB estimated");
	expect(memoryText({ peakMemoryBytes: null, estimate: null })).toBe("–");
	expect(timeText("40 s", { estimate })).toBe("40 s, 34 s to 14 min estimated");
	expect(timeText("40 s", { estimate: { memoryBytes: null, seconds: null } })).toBe("40 s");
});
