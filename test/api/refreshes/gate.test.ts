import { judge } from "../../../services/api/src/refreshes/gate.js";

const GATE = { metric: "recall@20", tolerance: 0.1, margin: 0.5 };
const numbers = (candidate: number | null, deployed: number | null | undefined, popularity: number | null) => ({
	candidate,
	deployed,
	popularity,
});

test.each<[string, Parameters<typeof judge>[1], boolean]>([
	["what is deployed less the tolerance, to the digit", numbers(0.9 * 0.3, 0.3, 0.1), true],
	["a little less", numbers(0.2699, 0.3, 0.1), false],
	["popularity and the margin, to the digit", numbers(0.15, 0.1, 0.1), true],
	["a little less than that", numbers(0.1499, 0.1, 0.1), false],
	["nothing is deployed", numbers(0.15, undefined, 0.1), true],
	["nobody measured what is deployed", numbers(0.9, null, 0.1), false],
	["nobody measured popularity", numbers(0.9, 0.1, null), false],
	["nobody measured the candidate", numbers(null, 0.1, 0.1), false],
	["all of them found nothing", numbers(0, 0, 0), true],
])("%s", (_what, given, passed) => {
	const found = judge(GATE, given);
	expect(found.passed).toBe(passed);
	expect(found.reason.startsWith(passed ? "Passed: " : "Refused: ")).toBe(true);
});

test("the sentence says what is needed, and nothing of what is not asked", () => {
	expect(judge(GATE, numbers(0.2, 0.30004, 0.1))).toEqual({
		needs: { deployed: expect.closeTo(0.270036), popularity: expect.closeTo(0.15) },
		passed: false,
		reason: "Refused: recall@20 of the candidate is 0.2; what is deployed has 0.3, of which 10 % may be lost.",
	});
	const unknown = { ...numbers(0.2, null, 0.1), unknown: "it was tested otherwise" };
	expect(judge(GATE, unknown).reason).toBe(
		"Refused: recall@20 of what is deployed is not known, for it was tested otherwise.",
	);
	const bare = { metric: "ndcg@50", tolerance: 0, margin: 0 };
	expect(judge(bare, numbers(0.2, undefined, 0.1)).reason).toBe(
		"Passed: ndcg@50 of the candidate is 0.2; nothing is deployed yet; popularity has 0.1.",
	);
});
