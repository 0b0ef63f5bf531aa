import type { ConfigField, Refresh, RefreshSpec } from "@valence/client";
import {
	begunBy,
	causeSentence,
	outcomeOf,
	parseRefresh,
	ruleSentence,
	stepsOf,
	textsOfDeployed,
	textsOfSpec,
	trainedSentence,
	verdictRows,
	withPaused,
} from "../../services/dashboard/src/refreshing.js";

const PROPERTIES = {
	k: { type: "integer", default: 4, minimum: 1 },
	tau: { type: "number", default: 0.1 },
} as unknown as Record<string, ConfigField>;
const SPEC: RefreshSpec = {
	feed: "shop",
	model: "valid",
	params: { k: 8 },
	seeds: [1, 2],
	rule: { split: { kind: "temporal", quantiles: [0.8, 0.9] } },
	every: "6h",
	minNew: 1000,
	gate: { metric: "ndcg@20", tolerance: 0.07, margin: 0.1 },
	refit: true,
	keep: { refreshes: 3 },
	paused: false,
};

describe("the form", () => {
	it("begins as what is deployed, with the fields that differ from the defaults", () => {
		const texts = textsOfDeployed("shop", "valid", { config: { k: 8, tau: 0.1, gone: 1 }, seed: 7 }, PROPERTIES);
		expect(texts).toMatchObject({ feed: "shop", model: "valid", params: { k: "8" }, seeds: ["7"], tolerance: "2" });
		const { body, isRight } = parseRefresh(texts, PROPERTIES);
		expect(isRight).toBe(true);
		expect(body).toMatchObject({
			params: { k: 8 },
			rule: { split: { kind: "temporal" } },
			every: "6h",
			gate: { metric: "recall@20", tolerance: 0.02, margin: 0 },
		});
		expect(body).not.toHaveProperty("cron");
	});
	it.each<[string, Partial<RefreshSpec>]>([
		["every so often", {}],
		["on machines of a class, by two processes", { class: "gpu", processes: 2 }],
		["by cron", { every: undefined, cron: "30 3 * * *", timezone: "Europe/Berlin" } as never],
		["paused, as tested", { paused: true, refit: false, gate: { metric: "recall@50", tolerance: 0.29, margin: 0 } }],
	])("gives back the rule it was filled with: %s", (_, more) => {
		const spec = JSON.parse(JSON.stringify({ ...SPEC, ...more })) as RefreshSpec;
		const { body, isRight } = parseRefresh(textsOfSpec(spec, PROPERTIES), PROPERTIES);
		expect([isRight, body]).toEqual([true, spec]);
		expect(withPaused(spec, true)).toEqual({ ...spec, paused: true });
	});
	it.each([
		["feed", { feed: "" }],
		["seeds", { seeds: ["x"] }],
		["seeds", { seeds: Array.from({ length: 21 }, (_, seed) => String(seed)) }],
		["every", { every: "6 hours" }],
		["cron", { when: "cron" as const, cron: "0 3 * *" }],
		["minNew", { minNew: "-1" }],
		["tolerance", { tolerance: "101" }],
		["tolerance", { tolerance: "" }],
		["margin", { margin: "x" }],
		["keep", { keep: "0" }],
	])("names %s where it is wrong: %j", (field, wrong) => {
		const parsed = parseRefresh({ ...textsOfSpec(SPEC, PROPERTIES), ...wrong }, PROPERTIES);
		expect([parsed.isRight, Object.keys(parsed.problems)]).toEqual([false, [field]]);
	});
	it("takes one value a field of the model, and no cuts that are none", () => {
		const texts = textsOfSpec(SPEC, PROPERTIES);
		const grid = parseRefresh({ ...texts, params: { k: "4,8", tau: "x" } }, PROPERTIES);
		expect([grid.isRight, grid.ofModel]).toEqual([false, { k: "must be one value", tau: "must be a number" }]);
		const cuts = parseRefresh({ ...texts, rule: { ...texts.rule, cuts: "0.5, 2" } }, PROPERTIES);
		expect([cuts.isRight, Object.keys(cuts.ofRule)]).toEqual([false, ["cuts"]]);
	});
});

it("says a rule in one sentence", () => {
	expect(ruleSentence(SPEC, "VALID")).toBe(
		"Every 6 hours from feed shop, once 1,000 interactions are new: VALID, 2 seeds, served if NDCG@20 is within 7\u00a0% of what is served and 10\u00a0% above popularity; it is refit on all data first.",
	);
	const { every: _, ...others } = SPEC;
	const gate = { metric: "recall@20", tolerance: 0, margin: 0 };
	const nightly = { ...others, cron: "0 3 * * *", timezone: "UTC", gate, refit: false, minNew: 1, seeds: [1] };
	expect(ruleSentence(nightly, "EASE")).toBe(
		"By cron 0 3 * * * (UTC) from feed shop: EASE, served if Recall@20 is at least that of what is served and not below popularity.",
	);
	expect(ruleSentence({ ...SPEC, every: "1d" }, "X")).toMatch(/^Every day from/);
	expect(ruleSentence({ ...SPEC, class: "gpu", processes: 2 }, "X")).toContain(
		"X, 2 seeds by 2 processes a run on machines of class gpu, served if",
	);
});

const refresh = (more: Partial<Refresh>) =>
	({ spec: SPEC, state: "RUNNING", step: "compare", outcome: null, cancelRequested: false, ...more }) as Refresh;
const stepStates = (more: Partial<Refresh>) => stepsOf(refresh(more)).map(({ state }) => state);

it("tells where each step stands", () => {
	expect(stepStates({})).toEqual(["done", "done", "now", "ahead", "ahead"]);
	expect(stepStates({ state: "SUCCEEDED", outcome: "refused" })).toEqual([
		...["done", "done", "stopped"],
		...["left out", "left out"],
	]);
	expect(
		stepStates({ state: "SUCCEEDED", outcome: "switched", step: "switch", spec: { ...SPEC, refit: false } }),
	).toEqual([...["done", "done", "done"], ...["left out", "done"]]);
	expect(new Set(stepStates({ state: "SUCCEEDED", outcome: "skipped", step: "snapshot" }))).toEqual(
		new Set(["left out"]),
	);
	expect(stepStates({ state: "FAILED", step: "snapshot" })[0]).toBe("stopped");
});

it.each<[Partial<Refresh>, string]>([
	[{ outcome: "switched" }, "switched"],
	[{ outcome: "refused" }, "refused"],
	[{ outcome: "skipped" }, "skipped"],
	[{ state: "FAILED" }, "failed"],
	[{ state: "CANCELLED" }, "cancelled"],
	[{ cancelRequested: true }, "cancelling"],
	[{ state: "QUEUED" }, "queued"],
	[{}, "running"],
])("calls %j %s", (more, word) => expect(outcomeOf(refresh(more)).word).toBe(word));

it("says who began it, and why something was served", () => {
	expect(begunBy({ trigger: "schedule", by: null })).toBe("by its schedule");
	expect(begunBy({ trigger: "person", by: "key 1" })).toBe("asked for by key 1");
	expect(begunBy({ trigger: "person", by: null })).toBe("asked for");
	expect(causeSentence({ cause: "refresh", by: "refresh" })).toBe("refreshed");
	expect(causeSentence({ cause: "rollback", by: "key 2" })).toBe("rolled back by key 2");
});

it("says how far the runs are", () => {
	const run = { id: "r", model: "valid", seed: 1, epoch: 3, maxEpochs: 10 };
	const jobs = { snapshot: null, evaluation: null, refit: null, runs: [] } as Refresh["jobs"];
	expect(trainedSentence(jobs)).toBeNull();
	const runs = [
		{ ...run, state: "SUCCEEDED" as const },
		{ ...run, state: "RUNNING" as const },
	];
	expect(trainedSentence({ ...jobs, runs })).toBe("1 of 2 runs; valid at epoch 3 of 10");
});

it("puts the numbers of a gate side by side", () => {
	const verdict = {
		metric: "recall@20",
		candidate: { value: 0.3, runId: "c", seeds: [{}, {}] },
		popularity: { value: 0.1, runId: "p" },
		deployed: {
			...{ value: 0.31, checkpointId: "x", runId: "d", model: "ease", on: "snapshot" },
			...{ learntFrom: 1200, unknownItems: 1 },
		},
		needs: { deployed: 0.3038, popularity: 0.1 },
		passed: false,
		reason: "Refused",
	} as unknown as NonNullable<Refresh["verdict"]>;
	const rows = verdictRows(verdict, "valid", (model) => model.toUpperCase());
	expect(rows.map(({ who, value, needs }) => [who, value, needs])).toEqual([
		["Candidate, VALID", 0.3, null],
		["Deployed, EASE", 0.31, 0.3038],
		["Popularity", 0.1, 0.1],
	]);
	expect(rows.map(({ note }) => note)).toEqual([
		"mean of 2 seeds",
		"does not know 1 item, had learnt from 1,200 of the test interactions",
		null,
	]);
	expect(verdictRows({ ...verdict, deployed: null }, "valid", String)[1]).toMatchObject({
		who: "Deployed",
		value: null,
		note: "nothing was deployed",
	});
});
