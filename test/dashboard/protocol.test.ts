import { cutoffProblem, seedProblem } from "../../services/dashboard/src/protocol";

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
