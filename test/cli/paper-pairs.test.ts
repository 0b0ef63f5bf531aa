// Rows that a recipe sets against one other row each: one comparison a pair, and what is written of it.
import { type Client, type PairDifference, Problem } from "@valence/client";
import type { Results, RowResult, RunResult } from "../../services/cli/src/paper/results.js";
import { csvOf, latexOf, markdownOf } from "../../services/cli/src/paper/tables.js";
import { withTests } from "../../services/cli/src/paper/testing.js";

const run = (id: string, recall: number): RunResult => ({
	...{ id, seed: 1, metrics: { "test.recall@20": recall }, epochs: 3, bestEpoch: 2, bestValidation: recall },
	...{ seconds: 2, peakMemoryBytes: 2 ** 20, parameters: 10, device: "cpu", torchVersion: "2", codeVersion: "0" },
	...{ finishedAt: null, machine: "2 cores" },
});
const row = (label: string, recall: number, against?: string): RowResult => ({
	...{ label, model: "ultragcn", source: "s", ...(against && { against }) },
	points: [{ chosen: {}, config: {}, runs: [run(`of ${label}`, recall)], failures: [] }],
});
const results = (rows: RowResult[]): Results => ({
	...{
		recipe: "shortcuts",
		title: "Shortcuts",
		layout: "table",
		metrics: ["test.recall@20", "train.loss"],
		seeds: [1],
	},
	dataset: { name: "set_a", users: 1000, items: 20, interactions: 30, splitDigest: "d1" },
	protocol: { maskTest: "train", cutoffs: [20], metrics: ["recall"], hash: "h1" },
	rows,
});
const all = results([row("published", 0.5), row("shared", 0.4, "published"), row("other", 0.9)]);

interface Body {
	groups: { name: string; runs: string[] }[];
	baseline?: string;
	metrics: string[];
}
/** A service whose comparison of group 0 with group 1 comes out so, or that refuses it; it keeps what it was asked for. */
function serviceOf(answer: Partial<PairDifference> | Error) {
	const asked: Body[] = [];
	const difference = {
		...{ group: 0, baseline: 1, metric: "recall@20", difference: -0.1, verdict: "worse", isUnsettled: false },
		...{ won: 1, tied: 2, lost: 6, usersInterval: { low: -0.15, high: -0.05 }, seedsInterval: null, effect: -0.3 },
		...{ pRandomisationHolm: 0.01, detectable: [], ...answer },
	};
	const means = [0.4, 0.5].map((mean, group) => ({ group, metric: "recall@20", mean, interval: null, seeds: 1 }));
	const found = {
		...{ id: "c1", state: "SUCCEEDED", draws: 10_000 },
		result: { users: 5551, family: 1, means, differences: [difference] },
	};
	const get = async (path: string) => {
		if (path === "/comparisons") return { items: [] };
		return path === "/metric-definitions" ? { items: [{ name: "recall", better: "higher", ofUser: true }] } : found;
	};
	const post = async (_: string, { body }: { body: Body }) => {
		asked.push(body);
		if (answer instanceof Error) throw answer;
		return { id: "c1" };
	};
	return { asked, api: { get, post } as unknown as Client };
}

it("compares each of them with the row that it stands against, and nothing else", async () => {
	const { asked, api } = serviceOf({});
	const { pairs, tested } = await withTests(api, all);
	expect(asked).toEqual([
		{
			groups: [
				{ name: "shared", runs: ["of shared"] },
				{ name: "published", runs: ["of published"] },
			],
			baseline: "of published",
			metrics: ["recall@20"],
		},
	]);
	expect(tested).toBeUndefined();
	expect(pairs).toMatchObject([
		{
			...{ row: "shared", against: "published", comparison: "c1", users: 5551, family: 1, draws: 10_000 },
			differences: [{ metric: "test.recall@20", difference: -0.1, relative: -0.2, p: 0.01, verdict: "worse" }],
		},
	]);
});

it("tests rows that stand against the same one in one family", async () => {
	const more = [...all.rows, row("sampled", 0.45, "published"), row("cut", 0.3, "other")];
	const { asked, api } = serviceOf({});
	const { pairs } = await withTests(api, results(more));
	expect(asked.map(({ groups }) => groups.map(({ name }) => name))).toEqual([
		["shared", "sampled", "published"],
		["cut", "other"],
	]);
	expect(asked.map(({ baseline }) => baseline)).toEqual(["of published", "of other"]);
	expect(pairs?.map((pair) => [pair.row, pair.against])).toEqual([
		["shared", "published"],
		["sampled", "published"],
		["cut", "other"],
	]);
});

it("says of a file in which rows against the same one were tested apart that they were", async () => {
	const told = await withTests(serviceOf({}).api, results([...all.rows, row("sampled", 0.45, "published")]));
	expect(markdownOf(told)).toContain("- Rows that stand against the same one are tested together: sign flips");
	const apart = (told.pairs ?? []).map((pair, place) => ({ ...pair, comparison: `c${place}` }));
	expect(markdownOf({ ...told, pairs: apart })).toMatch(
		/- Each pair was tested by itself, by the rule of an earlier version: .*after Holm over its 1 tests/,
	);
});

it("leaves out a row whose other half is not there, or has no run", async () => {
	const { asked, api } = serviceOf({});
	const empty = { ...row("published", 0.5), points: [{ chosen: {}, config: {}, runs: [], failures: [] }] };
	const pair = [row("shared", 0.4, "published"), row("other", 0.9)];
	for (const rows of [pair, [empty, ...pair]]) expect((await withTests(api, results(rows))).pairs).toEqual([]);
	expect(asked).toEqual([]);
});

it("keeps the table where the service refuses a pair, and says why", async () => {
	const place = { pointer: "/groups/1/runs/0", code: "not_comparable", message: "has none" };
	const refused = serviceOf(new Problem(422, "not_comparable", "x", [place])).api;
	const why = "published: its runs have no values of single users, as an earlier version left none";
	const told = await withTests(refused, all);
	expect(told.pairs).toEqual([{ row: "shared", against: "published", untested: why }]);
	expect(markdownOf(told)).toContain(`- shared, against published: not tested, ${why}.`);
});

it("tests the rest of a family where the service refuses one of it", async () => {
	const more = results([...all.rows, row("sampled", 0.45, "published")]);
	const { api, asked } = serviceOf({});
	const place = { pointer: "/groups/1/runs/0", code: "unknown_run", message: "is not there" };
	const post = api.post;
	let isFirst = true;
	const refusesOnce = async (...given: Parameters<typeof post>) => {
		if (!isFirst) return post(...given);
		isFirst = false;
		throw new Problem(422, "unknown_run", "x", [place]);
	};
	const { pairs } = await withTests({ ...api, post: refusesOnce } as unknown as Client, more);
	const why = "sampled: its runs are of another service, whose values of users are not here";
	expect(pairs).toMatchObject([
		{ row: "sampled", against: "published", untested: why },
		{ row: "shared", against: "published", comparison: "c1" },
	]);
	expect(asked.map(({ groups }) => groups.map(({ name }) => name))).toEqual([["shared", "published"]]);
});

it("writes what each pair says, and ranks nothing", async () => {
	const told = await withTests(serviceOf({}).api, all);
	const text = markdownOf(told);
	expect(text).toContain("| other | 0.9000 |");
	expect(text).not.toMatch(/\*\*|<u>|No row is marked/);
	expect(text).toContain("- shared, against published: Recall@20 −20.0 % (−30.0 to −10.0), worse.");
	expect(text).toContain("sign flips over 5,551 users (10,000 draws), after Holm over their 1 tests.");
	expect(latexOf(told)).toContain("% shared, against published: Recall@20 −20.0 %");
	const [header, , shared, other] = csvOf(told).split("\r\n");
	expect(header).toContain(
		"row,model,against,runs,test.recall@20,test.recall@20 deviation,test.recall@20 difference,test.recall@20 p,test.recall@20 verdict,",
	);
	expect(shared).toContain("shared,ultragcn,published,1,0.4,,-0.1,0.01,worse,");
	expect(other).toContain("other,ultragcn,,1,0.9,,,,,");
});

it.each([
	[{ verdict: "undecided" as const }, "no difference is shown"],
	[{ verdict: "undecided" as const, isUnsettled: true }, "of these runs, other seeds may turn it round"],
])("says of %j: %s", async (answer, words) => {
	const text = markdownOf(await withTests(serviceOf(answer).api, all));
	expect(text).toContain(`Recall@20 −20.0 % (−30.0 to −10.0), ${words}.`);
});
