// The case of a user: how they are chosen, what is asked of the service, and the tables made of it.
import type { Client } from "@valence/client";
import { withCases } from "../../services/cli/src/paper/case.js";
import { caseSheetsOf } from "../../services/cli/src/paper/case-sheets.js";
import { caseCsv, caseLatex, caseMarkdown } from "../../services/cli/src/paper/case-tables.js";
import { type CaseLayout, parseRecipe } from "../../services/cli/src/paper/recipe.js";
import { type Results, type RowResult, type RunResult, withEarlierRows } from "../../services/cli/src/paper/results.js";

const LAYOUT: CaseLayout = { items: 2, users: { named: "635" }, history: [2, 4] };
const row = (label: string, run: string | null): RowResult => {
	const point = {
		chosen: {},
		config: {},
		failures: [],
		runs: run === null ? [] : [{ id: run, metrics: {} } as RunResult],
	};
	return { label, model: label.toLowerCase(), source: "s", points: [point] };
};
const user = (id: string, history: number, recall: number | null) => ({
	...{ user: id, history, items: 1 },
	values: { "recall@20": recall },
});
/** By run. */
const VALUES: Record<string, ReturnType<typeof user>[]> = {
	a: [user("635", 9, 0.5), user("long", 5, 1), user("best", 3, 0.6), user("of-one", 2, 1), user("tied", 4, 0.8)],
	b: [user("635", 9, 0.25), user("long", 5, 1), user("best", 3, 0.8), user("of-one", 2, null), user("tied", 4, 0.6)],
};
const top = (id: string, title: string | null, heldBack: "valid" | "test" | null) => ({
	...{ id, title, tags: [], score: 1.5, interestShares: [0.75, 0.25], heldBack },
});
const item = (id: string, title: string, interestShares: number[]) => ({
	...{ id, title, tags: [], interestShares },
	interest: interestShares.indexOf(Math.max(...interestShares)),
});
const ANSWER = {
	interests: [
		{ index: 0, label: "x", weight: 0.6, topItems: [top("t1", "50 % | <b>", "test"), top("t2", null, null)] },
		{ index: 1, label: "y", weight: 0.4, topItems: [top("t3", "Third", "valid")] },
	],
	history: [item("h1", "One", [0.2, 0.8]), item("h2", "Two", [0.6, 0.4]), item("h3", "Three", [0.9, 0.1])],
	historyTotal: 3,
	heldBack: [
		{ id: "t1", title: "50 % | <b>", tags: [], part: "test" as const },
		{ id: "t9", title: null, tags: [], part: "test" as const },
	],
};

function service() {
	const asked: unknown[] = [];
	const api = {
		async get(
			path: string,
			{ path: { id, user }, query }: { path: { id: string; user: string }; query: { user: string } },
		) {
			if (path === "/runs/{id}/users") return { items: VALUES[id]?.filter((one) => one.user === query.user) };
			asked.push([id, user, query]);
			return { user, checkpoint: {}, maskTest: "train", ...ANSWER };
		},
		async *each(_path: string, { path: { id } }: { path: { id: string } }) {
			yield* VALUES[id] ?? [];
		},
	};
	return { asked, api: api as unknown as Client };
}
const ask = (rows: RowResult[], dataset: string, api = service().api) =>
	withCases(api, rows, { layout: LAYOUT, metric: "test.recall@20", dataset });

const resultsOf = (rows: RowResult[]): Results => ({
	...{ recipe: "case-study", title: "Case", layout: { case: LAYOUT }, metrics: ["test.recall@20"], seeds: [1], rows },
	dataset: { name: "named", users: 5, items: 9, interactions: 30, splitDigest: "d" },
	protocol: { maskTest: "train", cutoffs: [20], metrics: ["recall", "ndcg"], hash: "h" },
});

it("asks about the user that the recipe names, once a row that has a run", async () => {
	const { api, asked } = service();
	const rows = await ask([row("A", "a"), row("None", null), row("B", "b")], "named", api);
	expect(asked).toEqual([
		["a", "635", { n: 2 }],
		["b", "635", { n: 2 }],
	]);
	expect(rows.map((one) => one.case?.values)).toEqual([{ "recall@20": 0.5 }, undefined, { "recall@20": 0.25 }]);
	expect(rows[0]?.case?.chosen).toBe("named by the recipe");
});

it("elsewhere chooses who is best in the mean over the rows, and of equals the first by id", async () => {
	const rows = await ask([row("A", "a"), row("B", "b")], "other");
	expect(rows.map((one) => one.case?.user)).toEqual(["best", "best"]);
	expect(rows[0]?.case?.chosen).toContain("2 to 4 items of history");
	await expect(ask([row("C", "nobody")], "other")).rejects.toThrow("no user of other has 2 to 4 items of history");
});

it("lays out the top items of each interest, and the history by the interests of the first row", async () => {
	const [tops, history] = caseSheetsOf(resultsOf(await ask([row("A", "a"), row("B", "b")], "named")));
	const textOf = ({ text, isHit }: { text: string; isHit: boolean }) => `${text}${isHit ? "*" : ""}`;
	expect(tops?.lines.map(({ label, cells }) => [label, ...cells.map(textOf)])).toEqual([
		["1", "60 % of the history", "60 % of the history"],
		["", "50 % | <b>*", "50 % | <b>*"],
		["", "t2", "t2"],
		["2", "40 % of the history", "40 % of the history"],
		["", "Third", "Third"],
	]);
	expect(history?.lines.map(({ label, cells }) => [label, cells[0]?.text])).toEqual([
		["Three", "1 (90 %)"],
		["Two", "1 (60 %)"],
		["One", "2 (80 %)"],
	]);
	expect(caseSheetsOf(resultsOf([row("A", null)]))).toEqual([]);
});

it("writes Markdown, LaTeX and CSV in which titles stay text, with the proof", async () => {
	const results = resultsOf(await ask([row("A", "a"), row("B", "b")], "named"));
	const markdown = caseMarkdown(results);
	expect(markdown).toContain("|  | 50 % \\| \\<b\\>\\* | 50 % \\| \\<b\\>\\* |");
	expect(markdown).toContain("Of its 2 items A shows 1 (Recall@20 of the user 0.5000), B shows 1");
	expect(markdown).toContain("Protocol h: full ranking");
	expect(caseLatex(results)).toContain(" & 50 \\% | <b>$^{*}$ & 50 \\% | <b>$^{*}$ \\\\");
	const [header, ...lines] = caseCsv(results).trimEnd().split("\r\n");
	expect(header).toBe(
		"row,model,user,list,interest,rank,item,title,score,share,linear_share,part,dataset,split,protocol,run,machine",
	);
	expect(lines).toHaveLength(12);
	expect(lines[0]).toBe("A,a,635,history,2,,h1,One,,0.8,,train,named,d,h,a,");
	expect(lines[3]).toBe("A,a,635,top,1,1,t1,50 % | <b>,1.5,0.75,,test,named,d,h,a,");
	expect(markdown).not.toContain("linear path");
});

it("says of which rows the test ranked by a linear path as well, and what that leaves of a share", async () => {
	const [a, b] = (await ask([row("A", "a"), row("B", "b")], "named")) as [RowResult, Required<RowResult>];
	const interests = b.case.answer.interests.map((one) => ({
		...one,
		topItems: one.topItems.map((item) => ({ ...item, interestShares: [0.3, 0.1], linearShare: 0.6 })),
	}));
	const results = resultsOf([a, { ...b, case: { ...b.case, answer: { ...b.case.answer, interests } } }]);
	expect(caseMarkdown(results)).toContain("The test ranked by a linear path as well for B, so its list may differ.");
	const tops = caseCsv(results)
		.split("\r\n")
		.filter((line) => line.includes(",top,1,1,"));
	expect(tops).toEqual([
		"A,a,635,top,1,1,t1,50 % | <b>,1.5,0.75,,test,named,d,h,a,",
		"B,b,635,top,1,1,t1,50 % | <b>,1.5,0.3,0.6,test,named,d,h,b,",
	]);
});

it("keeps rows of an earlier file only of the same user", async () => {
	const [a, b] = await ask([row("A", "a"), row("B", "b")], "named");
	const recipe = { rows: [{ model: "a" }, { model: "b" }] } as never;
	const kept = (earlier: RowResult) =>
		withEarlierRows(resultsOf([a as RowResult]), resultsOf([earlier]), recipe).rows.length;
	expect(kept(b as RowResult)).toBe(2);
	expect(kept({ ...(b as RowResult), case: { ...(b as Required<RowResult>).case, user: "other" } })).toBe(1);
});

it.each([
	["{case: {items: 0, users: {}, history: [1, 2]}}", "items must be a whole number from 1 to 100"],
	["{case: {items: 3, users: {x: 635}, history: [1, 2]}}", "users must be names of datasets"],
	["{case: {items: 3, users: {}, history: [5, 2]}}", "history must be the least and the most"],
	["{case: {items: 3, users: {}, history: [1, 2], more: 1}}", "more is not known"],
	["{case: {items: 3, users: {}, history: [1, 2]}, series: k}", "layout must be table, {series: FIELD} or {case:"],
	["{case: {items: 3, users: {}, history: [1, 2]}}", "its rows have no grid", "{model: valid, grid: {k: [1]}}"],
])("a wrong layout %s is named", (layout, message, rows = "{model: valid}") => {
	const text = `{title: t, seeds: [1], protocol: {maskTest: train, cutoffs: [20]}, metrics: [test.recall@20], layout: ${layout}, rows: [${rows}]}`;
	expect(() => parseRecipe("mine", text)).toThrow(message);
});
