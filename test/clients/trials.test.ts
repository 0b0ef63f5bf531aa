// What several clients say of a search: how its trials ended, which of them stand for it, and what it tries.
import { dimensionSentence, endingOf, isPruned, standing, untoldSentence } from "@valence/client";

it.each([
	["SUCCEEDED", "patience", "complete"],
	["SUCCEEDED", "pruned", "pruned"],
	["FAILED", null, "failed"],
	["CANCELLED", null, "cancelled"],
	["RUNNING", null, "running"],
	["QUEUED", null, "waiting"],
] as const)("calls a trial that is %s, stopped by %s, %s", (state, stopReason, ending) => {
	expect(endingOf({ state, stopReason })).toBe(ending);
	expect(isPruned({ stopReason })).toBe(ending === "pruned");
});

it("keeps other runs and the best trials in sight", () => {
	const trial = (number: number, chosen: Record<string, unknown> | null) => ({ search: "s", number, chosen });
	const runs = [
		{ id: "a", trial: null },
		{ id: "b", trial: trial(0, { k: 2 }) },
		{ id: "c", trial: trial(1, { k: 4 }) },
		{ id: "d", trial: trial(2, null) },
	];
	const best = { runId: "c", number: 1, value: 0.2, chosen: { k: 4 } };
	expect(standing({ runs, searches: [{ best }] }).map(({ id }) => id)).toEqual(["a", "c"]);
	expect(standing({ runs, searches: [{ best: null }] }).map(({ id }) => id)).toEqual(["a"]);
});

it("says in a line what is tried of a field", () => {
	expect(dimensionSentence({ low: 0.05, high: 0.5, log: true })).toBe("0.05 to 0.5, log");
	expect(dimensionSentence({ low: 0, high: 1, step: 0.1 })).toBe("0 to 1 by 0.1");
	expect(dimensionSentence({ values: ["code", 2, false] })).toBe("code, 2, false");
});

it("says why it is not told what a value depends on, and that pruned trials do not count", () => {
	const counts = { complete: 3, pruned: 0, failed: 0, cancelled: 0, running: 0, waiting: 0 };
	const few = { fields: [], complete: 3, leastComplete: 10 };
	expect(untoldSentence(few, { counts })).toBe("It is told from 10 complete trials on; there are 3.");
	expect(untoldSentence(few, { counts: { ...counts, pruned: 27 } })).toBe(
		"It is told from 10 complete trials on; there are 3. The 27 that were pruned cannot be weighed beside them, as they were stopped before their best: more trials tell it, or a search without pruning.",
	);
	expect(untoldSentence({ ...few, complete: 12 }, { counts })).toMatch(/^All complete trials have the same value/);
	expect(untoldSentence({ ...few, fields: [{ field: "k", share: 1 }] }, { counts })).toBeNull();
});
