import { bytes, duration, metric, metricTitle, percent, tick } from "../../services/dashboard/src/format";
import { readingOrder, shownOf } from "../../services/dashboard/src/measures";

it("names metrics as people do and orders them as they read", () => {
	const names = [
		"train.loss",
		"test.uniformity",
		"valid.ndcg@20",
		"test.recall@50",
		"test.ndcg@20",
		"valid.recall@20",
		"test.recall@20",
	];
	expect(names.sort(readingOrder([])).map((name) => metricTitle(name))).toEqual([
		"Test Recall@20",
		"Test Recall@50",
		"Test NDCG@20",
		"Test Uniformity",
		"Validation Recall@20",
		"Validation NDCG@20",
		"Training loss",
	]);
	expect(metricTitle(".recall@5")).toBe("Recall@5");
});

it("names others as the service does, after recall and NDCG and in its order", () => {
	const known = [
		{ name: "mrr", title: "MRR", better: "higher" as const },
		{ name: "coverage", title: "Item coverage", better: "higher" as const },
	];
	const names = ["test.uniformity", "test.coverage@20", "test.mrr@50", "test.mrr@20", "test.ndcg@20", "test.recall@20"];
	expect(names.toSorted(readingOrder(known)).map((name) => metricTitle(name, known))).toEqual([
		"Test Recall@20",
		"Test NDCG@20",
		"Test MRR@20",
		"Test MRR@50",
		"Test Item coverage@20",
		"Test Uniformity",
	]);
	// Before the service has said them.
	expect(metricTitle("test.mrr@20")).toBe("Test mrr@20");
	expect(names.toSorted(readingOrder([])).slice(0, 2)).toEqual(["test.recall@20", "test.ndcg@20"]);
});

it("shows the first measures of many unasked, each at all of its cut-offs", () => {
	const names = ["a@5", "a@10", "b@5", "c@5", "d@5", "e@5"].map((name) => `test.${name}`);
	expect(shownOf(names, null)).toEqual(["test.a@5", "test.a@10", "test.b@5", "test.c@5", "test.d@5"]);
	expect(shownOf(names, ["e", "a"])).toEqual(["test.a@5", "test.a@10", "test.e@5"]);
});

it("writes numbers short, and a dash for none", () => {
	expect([metric(0.28543), metric(null), metric(undefined)]).toEqual(["0.2854", "–", "–"]);
	expect([percent(0.512), percent(0.0232), percent(0)]).toEqual(["51\u00a0%", "2.3\u00a0%", "0\u00a0%"]);
	expect([tick(0.30000000000000004), tick(104), tick(0.05)]).toEqual(["0.3", "104", "0.05"]);
	expect([bytes(1536), bytes(1642468), bytes(2 ** 31), bytes(null)]).toEqual(["1.5 KiB", "1.6 MiB", "2.0 GiB", "–"]);
	expect([duration(12.4), duration(89.9), duration(600), duration(7200), duration(null)]).toEqual([
		"12 s",
		"90 s",
		"10 min",
		"2.0 h",
		"–",
	]);
});
