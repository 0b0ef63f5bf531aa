import {
	EMPTY_RULE,
	isFailedImport,
	parseRule,
	type RuleTexts,
	splitTitle,
	textsOf,
} from "../../services/dashboard/src/dataset-rule";

it("asks for nothing when nothing is filled in", () => {
	expect(parseRule(EMPTY_RULE)).toEqual({ rule: {}, problems: {} });
});

it("writes the rule of docs/api.md", () => {
	const texts = {
		...EMPTY_RULE,
		columns: { user: "uid", item: "iid", rating: "" },
		ratios: "0.7, 0.1, 0.2",
		seed: "7",
		minRating: "4",
		kCore: "5",
		skipBadRows: true,
	};
	expect(parseRule(texts)).toEqual({
		rule: {
			columns: { user: "uid", item: "iid" },
			split: { kind: "ratio", ratios: [0.7, 0.1, 0.2], seed: 7 },
			minRating: 4,
			kCore: 5,
			skipBadRows: true,
		},
		problems: {},
	});
});

it.each([
	[{ ratios: "0.8, 0.2" }, "ratios"],
	[{ ratios: "0.8, 0.1, 0.2" }, "ratios"],
	[{ ratios: "0, 0.5, 0.5" }, "ratios"],
	[{ ratios: "1.5, -1, 0.5" }, "ratios"],
	[{ ratios: "0.8,,0.2" }, "ratios"],
	[{ seed: "1.5" }, "seed"],
	[{ seed: "2147483648" }, "seed"],
	[{ split: "temporal", cuts: "0.9, 0.8" }, "cuts"],
	[{ split: "temporal", cuts: "0.8" }, "cuts"],
	[{ split: "temporal", cuts: "2026-02-01, 2026-01-01" }, "cuts"],
	[{ split: "temporal", cuts: "2026-01-01, 0.9" }, "cuts"],
	[{ split: "strong", ratios: "0.8, 0.2" }, "ratios"],
	[{ since: "last week" }, "since"],
	[{ until: "2026-01-01T12:00" }, "until"],
	[{ since: "2026-01-02", until: "2026-01-02" }, "until"],
	[{ minRating: "four" }, "minRating"],
	[{ kCore: "0" }, "kCore"],
	[{ kCore: "1001" }, "kCore"],
])("names the wrong field of %j", (texts, field) => {
	expect(Object.keys(parseRule({ ...EMPTY_RULE, ...(texts as Partial<RuleTexts>) }).problems)).toEqual([field]);
});

it.each([
	{},
	{ columns: { user: "uid", title: "name" }, minRating: 3.5, kCore: 5, skipBadRows: true },
	{ columns: { user: "uid", items: { item: "sku" }, files: { "shop.zip: a.csv": { item: 2 } } } },
	{ split: { kind: "ratio", ratios: [0.7, 0.1, 0.2], seed: 0 } },
	{ split: { kind: "leave_last" }, since: "2026-01-01", until: "2026-02-01T12:00:00+02:00" },
	{ split: { kind: "temporal", quantiles: [0.5, 0.75] } },
	{ split: { kind: "temporal", at: ["2026-01-01", "2026-02-01T12:00Z"] } },
	{ split: { kind: "strong", ratios: [0.7, 0.1, 0.2], seed: 0 } },
])("writes the rule %j into the form, from where it comes back", (rule) => {
	expect(parseRule(textsOf(rule))).toEqual({ rule, problems: {} });
});

it("sends nothing of what another split takes", () => {
	const texts = { ...EMPTY_RULE, ratios: "0.7, 0.1, 0.2", seed: "x", cuts: "0.5, 0.6" };
	expect(parseRule({ ...texts, split: "leave_last" })).toEqual({
		rule: { split: { kind: "leave_last" } },
		problems: {},
	});
});

it.each([
	[{}, "By chance, a share of each user's"],
	[{ split: { kind: "given" } }, "As the files give it"],
	[{ split: { kind: "strong" } }, "Users held out"],
])("the split of %j is called %s", (rule, title) => {
	expect(splitTitle(rule)).toBe(title);
});

it("keeps the split of given parts: those of an archive are known by it alone", () => {
	expect(parseRule(textsOf({ split: { kind: "given" } })).rule).toEqual({ split: { kind: "given" } });
});

it.each([
	["FAILED", null, true],
	["CANCELLED", null, true],
	["FAILED", {}, false],
	["RUNNING", null, false],
	["SUCCEEDED", {}, false],
])("an import that is %s with statistics %j has made nothing: %s", (state, statistics, expected) => {
	expect(isFailedImport({ state, statistics })).toBe(expected);
});
