import { bestValue } from "../../services/dashboard/src/best-value.js";

test("the best is the highest, of uniformity and loss the lowest", () => {
	expect(bestValue("test.recall@20", [0.1, 0.3, 0.2])).toBe(0.3);
	expect(bestValue("test.uniformity", [-3.6, -3.7, -3.5])).toBe(-3.7);
	expect(bestValue("train.loss", [2, 1])).toBe(1);
});

test("the service says which way is better, and of some that neither is", () => {
	const known = [
		{ name: "calibration", title: "Miscalibration", better: "lower" as const },
		{ name: "novelty", title: "Novelty", better: null },
	];
	expect(bestValue("test.calibration@20", [0.2, 0.1], known)).toBe(0.1);
	expect(bestValue("test.novelty@20", [9, 8], known)).toBeUndefined();
});

test("what has no value is passed over", () => {
	expect(bestValue("test.uniformity", [undefined, null, -3])).toBe(-3);
	expect(bestValue("test.recall@20", [undefined, null])).toBeUndefined();
});
