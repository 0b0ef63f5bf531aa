// What the chart and the table of outcomes show.
import type { Outcomes } from "@valence/client";
import {
	bandOf,
	COLUMNS,
	drawn,
	linesOf,
	notesOf,
	rankText,
	rowsOf,
	shareText,
} from "../../services/dashboard/src/outcomes";
import { csvOf, markdownOf } from "../../services/dashboard/src/table-text";

const outcome = (taken: number, answers = 100) => ({
	...{ answers, open: 1, taken, share: answers > 0 ? taken / answers : null },
	shareInterval: answers > 0 ? { low: taken / answers / 2, high: 0.5 } : null,
	...{ meanRank: taken > 0 ? 3.25 : null, meanRankInterval: taken > 1 ? { low: 2, high: 4.5 } : null },
});
const day = (of: string, taken: number, answers = 100) => ({ day: of, ...outcome(taken, answers) });
const checkpoint = (id: string, model: string | null, days: ReturnType<typeof day>[]) =>
	({
		checkpoint: { id, runId: model && id, model, epoch: model && 3 },
		...{ ...outcome(10), days },
	}) as Outcomes["checkpoints"][number];
const OUTCOMES: Outcomes = {
	...{ deployment: "default", recording: "on", from: "2026-11-01T00:00:00Z", withinHours: 24 },
	...{ answered: 200, recordedShare: 1, unmatched: 0, total: outcome(10) },
	days: [day("2026-11-02", 10), day("2026-11-03", 0, 0)],
	checkpoints: [
		checkpoint("aaaa1111-0000", "valid", [day("2026-11-02", 10)]),
		checkpoint("bbbb1111-0000", "valid", [day("2026-11-01", 20)]),
		checkpoint("cccc1111-0000", null, []),
	],
	tiers: [{ tier: "live", ...outcome(10), days: [day("2026-11-02", 10)] }],
};

test("lines are named apart, also two checkpoints of one model, and one that is deleted", () => {
	const labels = (by: "all" | "tier" | "checkpoint") => linesOf(OUTCOMES, by).map(({ label }) => label);
	expect(labels("all")).toEqual(["All answers"]);
	expect(labels("tier")).toEqual(["live"]);
	expect(labels("checkpoint")).toEqual(["valid, epoch 3 (aaaa)", "valid, epoch 3 (bbbb)", "cccc1111, deleted"]);
	expect(drawn(Array(9).fill(linesOf(OUTCOMES, "all")[0]))).toHaveLength(4);
});

test("rows: a day each, in order, with share and interval; a day without closed answers is none", () => {
	const [first, second] = ["aaaa1111-0000", "bbbb1111-0000"] as const;
	expect(rowsOf(linesOf(OUTCOMES, "checkpoint"))).toEqual([
		{ day: "2026-11-01", [second]: 0.2, [bandOf(second)]: [0.1, 0.5] },
		{ day: "2026-11-02", [first]: 0.1, [bandOf(first)]: [0.05, 0.5] },
	]);
	expect(rowsOf(linesOf(OUTCOMES, "all"))).toHaveLength(1);
});

test("taken along: numbers and the ends of their intervals for programs, as they are read for documents", () => {
	const table = { title: "Outcomes", columns: COLUMNS, rows: linesOf(OUTCOMES, "all") };
	expect(csvOf(table).split("\r\n").slice(0, 2)).toEqual([
		'Of,Answers,Still open,Taken,Share,"Share, low","Share, high",Mean rank,"Mean rank, low","Mean rank, high"',
		"All answers,100,1,10,0.1,0.05,0.5,3.25,2,4.5",
	]);
	expect(markdownOf(table)).toContain(
		"| All answers | 100 | 1 | 10 | 10\u00a0% (5.0\u00a0% – 50\u00a0%) | 3.3 (2.0 – 4.5) |",
	);
});

test("texts of numbers with their intervals", () => {
	expect(shareText(outcome(10))).toBe("10\u00a0% (5.0\u00a0% – 50\u00a0%)");
	expect(shareText(outcome(0, 0))).toBe("–");
	expect([rankText(outcome(2)), rankText(outcome(1)), rankText(outcome(0))]).toEqual(["3.3 (2.0 – 4.5)", "3.3", "–"]);
});

test("what is to be known first: whether anything is recorded, which share, and what counts in none", () => {
	expect(notesOf(OUTCOMES)).toEqual([expect.stringContaining("within 24 hours")]);
	const nothing = { ...OUTCOMES, answered: 0, recordedShare: null };
	expect(notesOf(nothing)).toEqual(["Nothing was answered yet."]);
	expect(notesOf({ ...nothing, recording: "off" })).toEqual([expect.stringContaining("OUTCOMES is off")]);
	expect(notesOf({ ...nothing, recording: "no_feed" })).toEqual([expect.stringContaining("names no feed")]);
	const partly = { ...OUTCOMES, answered: 2_000, recordedShare: 0.1, unmatched: 1 };
	expect(notesOf(partly).slice(1)).toEqual([
		"10\u00a0% of 2,000 answers are recorded.",
		"1 interaction names an answer and counts in none.",
	]);
});
