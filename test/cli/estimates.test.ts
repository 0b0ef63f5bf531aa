import { launchWords, memoryWords, timeWords } from "../../services/cli/src/estimates";

const estimate = { memoryBytes: 2 ** 29, seconds: { low: 30, high: 600, like: "dataset" } } as const;

it("says what the largest run of a launch takes, and from the shortest to the longest", () => {
	const larger = { memoryBytes: 2 ** 30, seconds: { low: 20, high: 60, like: "dataset" } } as const;
	expect(launchWords([{ estimate }, { estimate: larger }])).toBe(
		"a run takes about 1.1 GB of memory and 20 s to 10 min, like the last runs of other configurations on this dataset",
	);
	expect(launchWords([{ estimate: { ...estimate, seconds: null } }])).toBe("a run takes about 537 MB of memory");
	expect(launchWords([{ estimate: null }, { estimate: { memoryBytes: null, seconds: null } }])).toBeUndefined();
});

it("says of one run what is known", () => {
	expect([memoryWords(estimate), timeWords(estimate)]).toEqual(["about 537 MB", "30 s to 10 min"]);
	expect([memoryWords(null), timeWords({ ...estimate, seconds: null })]).toEqual([undefined, undefined]);
});
