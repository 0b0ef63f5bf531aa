import { labelOf } from "../../services/dashboard/src/config-fields";
import { parseChoice, sentOf } from "../../services/dashboard/src/model-choice";
import { historyRows } from "../../services/dashboard/src/search-history";
import { suggestedSearch } from "../../services/dashboard/src/search-space";
import { countsSentence, effortSentence, titleOfTrials } from "../../services/dashboard/src/trials";

const told = (
	number: number,
	state: "QUEUED" | "RUNNING" | "SUCCEEDED" | "FAILED" | "CANCELLED",
	value: number | null,
) => ({
	...{ number, state, stopReason: null, value, bestSoFar: null },
});

it("draws the history: what came to nothing at the foot, what waits not at all, and the best so far", () => {
	const history = [
		{ ...told(0, "FAILED", null) },
		{ ...told(1, "SUCCEEDED", 0.2), bestSoFar: 0.2 },
		{ ...told(2, "SUCCEEDED", 0.1), stopReason: "pruned", bestSoFar: 0.2 },
		{ ...told(3, "SUCCEEDED", 0.3), stopReason: "patience", bestSoFar: 0.3 },
		{ ...told(4, "RUNNING", 0.15), bestSoFar: 0.3 },
		told(5, "RUNNING", null),
		told(6, "QUEUED", null),
		told(7, "CANCELLED", null),
	];
	const { points, best } = historyRows(history);
	expect(points.map(({ number, ending, value, measured }) => [number, ending, value, measured])).toEqual([
		[0, "failed", 0.1, null],
		[1, "complete", 0.2, 0.2],
		[2, "pruned", 0.1, 0.1],
		[3, "complete", 0.3, 0.3],
		[4, "running", 0.15, 0.15],
		[7, "cancelled", 0.1, null],
	]);
	expect(best.map(({ number, value }) => [number, value])).toEqual([
		[1, 0.2],
		[2, 0.2],
		[3, 0.3],
		[4, 0.3],
	]);
	expect(historyRows([told(0, "QUEUED", null)])).toEqual({ points: [], best: [] });
});

it("says how many trials ended how, and what the effort was", () => {
	const counts = { waiting: 9, running: 0, complete: 12, pruned: 3, failed: 0, cancelled: 0 };
	expect(countsSentence(counts)).toBe("12 complete, 3 pruned, 9 waiting");
	expect(effortSentence({ trials: 24 })).toBe("searched, 24 trials");
	expect(titleOfTrials({ cutoffs: [10, 20] })).toBe("Validation Recall@10");
});

it("names trials by their number", () => {
	const trial = (number: number, chosen: Record<string, unknown> | null) => ({ search: "s", number, chosen });
	const telling = new Map([["valid", new Set(["k"])]]);
	const run = { model: "valid", seed: 1, config: { k: 4 }, trial: trial(1, { k: 4 }) };
	expect(labelOf(run, telling)).toBe("valid k=4 trial 1");
	expect(labelOf({ ...run, config: {}, trial: trial(2, null) }, telling)).toBe("valid trial 2");
	expect(labelOf({ ...run, trial: null }, telling)).toBe("valid k=4 seed 1");
});

describe("what is chosen for a model", () => {
	const properties = {
		k: { type: "integer", minimum: 1, maximum: 64, default: 4 },
		tau: { type: "number", default: 1 },
	};
	const search = { ...suggestedSearch({ configSchema: { properties: { k: properties.k } } }), trials: "5" };
	const texts = { k: "2,4", tau: "0.5" };
	it("is a grid where that is chosen, and one value where it is not", () => {
		expect(sentOf(parseChoice(properties, { way: "grid", texts, search }))).toEqual({
			params: { tau: 0.5 },
			grid: { k: [2, 4] },
		});
		expect(parseChoice(properties, { way: "setting", texts, search }).problems).toEqual({
			k: "must be one value; Grid takes several",
		});
	});
	it("is a search of the fields of its space, and one value of the others", () => {
		const parsed = parseChoice(properties, { way: "search", texts, search });
		expect(parsed.problems).toEqual({});
		expect(sentOf(parsed)).toEqual({
			params: { tau: 0.5 },
			search: { strategy: "tpe", trials: 5, space: { k: { low: 1, high: 16, log: true } }, seed: 1 },
		});
	});
});
