import { columnsOf, pressed } from "../../services/dashboard/src/user-values";

it("has a column for each metric, called as the service calls it", () => {
	const columns = columnsOf(["recall@20", "mrr@20"], [{ name: "mrr", title: "MRR", better: "higher" }]);
	expect(columns.map(({ name, title }) => [name, title])).toEqual([
		["user", "User"],
		["history", "Known of them"],
		["items", "To be found"],
		["recall@20", "Recall@20"],
		["mrr@20", "MRR@20"],
	]);
});

it("asks for the largest first, for names from the first, and the other way round when pressed again", () => {
	const none = { sort: null, order: null };
	expect(pressed("mrr@20", none)).toEqual({ sort: "mrr@20", order: "desc", cursor: null });
	expect(pressed("mrr@20", { sort: "mrr@20", order: "desc" }).order).toBe("asc");
	expect(pressed("mrr@20", { sort: "mrr@20", order: "asc" }).order).toBe("desc");
	expect(pressed("user", none).order).toBe("asc");
	expect(pressed("user", { sort: "user", order: "asc" }).order).toBe("desc");
	expect(pressed("user", { sort: "mrr@20", order: "asc" }).order).toBe("asc");
});
