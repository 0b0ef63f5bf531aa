import { cutoffProblem, protocolSentence, seedProblem, sharedProblem } from "../../services/dashboard/src/protocol";

it("takes what the service takes", () => {
	expect(cutoffProblem(["1", "20", "1000"])).toBeNull();
	expect(seedProblem(["0", "2147483647"])).toBeNull();
});

it.each([
	[[]],
	[["0"]],
	[["1001"]],
	[["2.5"]],
	[["-1"]],
	[["twenty"]],
	[Array.from({ length: 11 }, (_, i) => `${i + 1}`)],
])("refuses cut-offs %j", (texts) => {
	expect(cutoffProblem(texts)).not.toBeNull();
});

it.each([[[]], [["-1"]], [["1e3"]], [["2147483648"]]])("refuses seeds %j", (texts) => {
	expect(seedProblem(texts)).not.toBeNull();
});

it("says what stands in the way of a launch, one thing at a time", () => {
	const shared = { name: "", dataset: "d", seeds: ["1"], maskTest: "train", cutoffs: ["20", "50"] };
	expect(sharedProblem(shared)).toBeNull();
	expect(sharedProblem({ ...shared, dataset: null, seeds: [] })).toBe("Choose a dataset.");
	expect(sharedProblem({ ...shared, seeds: [] })).toBe("Seeds: at least one.");
	expect(sharedProblem({ ...shared, cutoffs: ["0"] })).toBe("Cut-offs: whole numbers from 1 to 1000.");
	expect(protocolSentence(shared)).toBe("the test masks train items (the paper's rule), metrics at 20, 50");
});
