import {
	cutoffProblem,
	protocolName,
	protocolSentence,
	seedProblem,
	sharedProblem,
} from "../../services/dashboard/src/protocol";

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
	const shared = {
		name: "",
		dataset: "d",
		seeds: ["1"],
		maskTest: "train",
		cutoffs: ["20", "50"],
		metrics: ["recall", "ndcg"],
	};
	expect(sharedProblem(shared)).toBeNull();
	expect(sharedProblem({ ...shared, dataset: null, seeds: [] })).toBe("Choose a dataset.");
	expect(sharedProblem({ ...shared, seeds: [] })).toBe("Seeds: at least one.");
	expect(sharedProblem({ ...shared, cutoffs: ["0"] })).toBe("Cut-offs: whole numbers from 1 to 1000.");
	expect(sharedProblem({ ...shared, metrics: [] })).toBe("Metrics: at least one.");
	expect(protocolSentence(shared, [])).toBe("the test masks train items (the paper's rule), Recall, NDCG at 20, 50");
	const many = { ...shared, metrics: ["recall", "ndcg", "mrr", "map", "hit", "gini"] };
	expect(protocolSentence(many, [{ name: "mrr", title: "MRR", better: "higher" }])).toContain(
		"Recall, NDCG, MRR, map and 2 more at 20, 50",
	);
});

it("names a protocol among others by what it measures and masks, and how much was tested under it", () => {
	const protocol = { maskTest: "train+valid", cutoffs: [20, 50], metrics: ["recall", "ndcg"], hash: "" };
	expect(protocolName(protocol, 1, [])).toBe("Recall, NDCG at 20, 50, masks train+valid, 1 configuration");
	expect(protocolName(protocol, 12, [])).toContain("12 configurations");
});
