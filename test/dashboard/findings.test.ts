import { oneSeedSentence } from "@valence/client";
import {
	axisTicks,
	bars,
	listsPath,
	overlapOf,
	overlapRows,
	pairOf,
	viewFrom,
} from "../../services/dashboard/src/comparison-view";
import {
	type Finding,
	findingsOf,
	footnoteOf,
	powerSentence,
	pText,
	sentenceOf,
	verdictText,
	wonWords,
} from "../../services/dashboard/src/findings";
import { intervalRows } from "../../services/dashboard/src/interval-rows";
import { comparison, difference, found, KNOWN, mean } from "./compared-fixture";

const findingOf = (given: Parameters<typeof difference>[0], means?: Parameters<typeof found>[1]): Finding => {
	const [finding] = findingsOf(found([difference(given)], means), [...KNOWN]);
	return finding as Finding;
};
/** A number and its unit stay on one line; here that is beside the point. */
const said = (finding: Finding, band?: number) => sentenceOf(finding, band).replaceAll("\u00a0", " ");

it("says who is ahead, by how much, and what that means for users", () => {
	expect(said(findingOf({}))).toBe(
		"VALID beats EASE by 3.1 % (2.2 to 4.0) in Recall@20; about 58 of 100 users gain, 30 lose.",
	);
});

it("turns signs and ends of the interval round for who is behind", () => {
	const behind = { difference: -0.0062, relative: -0.031, usersInterval: { low: -0.008, high: -0.0044 } };
	expect(said(findingOf({ ...behind, won: 300, lost: 580, verdict: "worse" }))).toBe(
		"VALID is behind EASE by 3.1 % (2.2 to 4.0) in Recall@20; about 30 of 100 users gain, 58 lose.",
	);
});

it("knows metrics of which less is better, and those of which neither is", () => {
	const less = { difference: -0.0062, relative: -0.031, usersInterval: { low: -0.008, high: -0.0044 } };
	const means = (metric: string) => [mean(0, 0.1938, metric), mean(1, 0.2, metric)];
	expect(said(findingOf({ ...less, metric: "calibration@20" }, means("calibration@20")))).toBe(
		"VALID beats EASE by 3.1 % (2.2 to 4.0) in Calibration@20, where less is better; about 58 of 100 users gain, 30 lose.",
	);
	expect(said(findingOf({ ...less, metric: "novelty@20", verdict: "less" }, means("novelty@20")))).toBe(
		"VALID is below EASE by 3.1 % (2.2 to 4.0) in Novelty@20; about 58 of 100 users have more, 30 less.",
	);
});

it("calls nobody better off where neither way is better", () => {
	expect(wonWords(findingOf({ metric: "novelty@20" }).better)).toEqual(["with more", "the same", "with less"]);
	expect(wonWords(findingOf({ metric: "calibration@20" }).better)).toEqual(["better off", "the same", "worse off"]);
});

it("claims nothing that is not shown after correction, however small p was before it", () => {
	const interval = { usersInterval: { low: -0.001, high: 0.0134 }, pRandomisation: 0.02 };
	const open = { ...interval, pRandomisationHolm: 0.08, verdict: "undecided" as const };
	expect(said(findingOf(open))).toBe(
		"No difference is shown between VALID and EASE in Recall@20: 3.1 % (−0.5 to 6.7), p 0.080 after correction.",
	);
	expect(said(findingOf({ ...open, pRandomisationHolm: null }))).toContain("p unknown");
});

it("calls equal what lies within the band whichever way, shown or not, and only that", () => {
	const small = { difference: 0.0008, relative: 0.004, usersInterval: { low: -0.0004, high: 0.0018 } };
	const open = findingOf({ ...small, pRandomisationHolm: 0.3, verdict: "undecided" });
	expect(said(open)).toBe(
		"VALID and EASE are practically equal in Recall@20: the difference is less than 1.0 % whichever way, 0.4 % (−0.2 to 0.9).",
	);
	expect(said(open, 0.005)).toMatch(/^No difference is shown/);
	expect(said(findingOf({ ...small, usersInterval: { low: 0.0002, high: 0.0018 } }))).toContain(
		"a difference is shown, but it is less than 1.0 %",
	);
});

it("takes the interval of seeds where there is one, and says when other seeds may turn a difference round", () => {
	const seeds = { seedsInterval: { low: 0.002, high: 0.0104 }, pSeeds: 0.02 };
	expect(said(findingOf(seeds))).toContain("by 3.1 % (1.0 to 5.2)");
	const unsettled = { verdict: "undecided" as const, isUnsettled: true };
	expect(said(findingOf({ ...seeds, seedsInterval: { low: -0.002, high: 0.0144 }, ...unsettled }))).toBe(
		"In these runs VALID is above EASE in Recall@20, but other seeds may turn it round: 3.1 % (−1.0 to 7.2); about 58 of 100 users gain, 30 lose.",
	);
});

it("has numbers in place of parts of a mean of 0", () => {
	const finding = findingOf({ relative: null }, [mean(0, 0.0062), mean(1, 0)]);
	expect(said(finding)).toContain("by 0.0062 (0.0044 to 0.0080) in");
	expect(intervalRows([finding], ({ name }) => name, 0.01)).toEqual([]);
});

/** Means of both, with so many seeds each; of a closed form 0. */
const seeded = (own: number, other: number) =>
	[own, other].map((seeds, group) => ({
		...mean(group, group === 0 ? 0.2062 : 0.2),
		...{ seeds: Math.max(1, seeds), isClosedForm: seeds === 0 },
	}));

it.each([
	[
		1,
		1,
		"VALID and EASE have one seed each: what is shown is of these runs, not of the models. Train more seeds of both to say more.",
	],
	[1, 3, "VALID has one seed: what is shown is of these runs, not of the models. Train more seeds of it to say more."],
	[3, 1, "EASE has one seed: what is shown is of these runs, not of the models. Train more seeds of it to say more."],
	[1, 0, "VALID has one seed: what is shown is of these runs, not of the models. Train more seeds of it to say more."],
	[3, 0, null],
	[3, 3, null],
	[0, 0, null],
])("says of %i and %i seeds what one of a model that is trained leaves open", (own, other, said) => {
	expect(oneSeedSentence(findingOf({}, seeded(own, other)))).toBe(said);
});

it("says what more seeds would show, of whom there are seeds", () => {
	const detectable = [0, 1, 2, 3, 5, 10, 20].map((moreSeeds) => ({ moreSeeds, relative: 0.2 / (2 + moreSeeds) }));
	const powerOf = (given: Parameters<typeof difference>[0], own: number, other: number) =>
		powerSentence(findingOf(given, seeded(own, other)))?.replaceAll("\u00a0", " ");
	expect(powerOf({}, 1, 1)).toBeUndefined();
	expect(powerOf({ detectable }, 3, 3)).toBe(
		"With seeds that differ as these do, a difference between the methods would be detected from 10.0 % on, with 2 more seeds of each from 5.0 %, with 10 more seeds of each from 1.7 % (at 5 % with a power of 80 %).",
	);
	expect(powerOf({ detectable, seedsTest: "one_sample" }, 3, 0)).toContain("with 2 more seeds of VALID from 5.0 %");
	expect(powerOf({ detectable, seedsTest: "one_sample" }, 0, 3)).toContain("with 2 more seeds of EASE from 5.0 %");
});

it("calls a pair what the service does, and says where that is of its runs alone", () => {
	const unsettled = { verdict: "undecided" as const, isUnsettled: true };
	expect(
		[
			difference(),
			difference(unsettled),
			difference({ ...unsettled, difference: -1 }),
			difference({ verdict: "undecided" }),
		].map(verdictText),
	).toEqual(["better", "above in these runs", "below in these runs", "not shown"]);
});

it("states what was tested, how often, and with which seeds", () => {
	const text = footnoteOf(comparison()).replaceAll("\u00a0", " ");
	expect(text).toContain("Paired over 1,000 users");
	expect(text).toContain("10,000 draws (seed 1), after Holm over 1 test: 1 pair × 1 metric.");
	expect(text).toContain("Seeds: VALID 1; EASE 1.");
});

it("says where p is as small as so many draws can tell", () => {
	const of = (pRandomisationHolm: number | null, leastP: number) => pText({ pRandomisationHolm, leastP });
	const least = (2 * 120) / 12_001;
	expect([of(null, least), of(0.0002, 0.0002), of(0.04, least), of(least, least)]).toEqual([
		...["–", "< 0.001", "0.040", "≤ 0.020"],
	]);
	// A bound that is rounded down is none.
	expect(of(0.0204, 0.0204)).toBe("≤ 0.021");
	const [told] = findingsOf({ ...found([difference({ pRandomisationHolm: 0.0056 })]) }, [...KNOWN]);
	expect(told?.leastP).toBeCloseTo(2 / 10_001);
});

it("draws the parts, coloured only where something is shown that matters", () => {
	const rows = [
		{},
		{
			...{ difference: -0.0062, relative: -0.031, usersInterval: { low: -0.008, high: -0.0044 } },
			verdict: "worse" as const,
		},
		{ verdict: "undecided" as const },
		{ verdict: "more" as const },
		// Within the band.
		{ usersInterval: { low: 0.0001, high: 0.001 } },
	].flatMap((given) => intervalRows([findingOf(given)], ({ against }) => against, 0.01));
	expect(rows.map(({ verdict }) => verdict)).toEqual(["ahead", "behind", "open", "open", "open"]);
	expect(rows[0]?.value).toBeCloseTo(0.031);
	expect(rows[0]?.reach.map((one) => Number(one.toFixed(4)))).toEqual([0.009, 0.009]);
});

it("takes from the address what there is, and else what is usual", () => {
	const of = (search: string) => viewFrom(new URLSearchParams(search), { metrics: ["recall@20", "ndcg@20"] });
	expect(of("metric=ndcg@20&band=2&pair=0-1")).toEqual({ metric: "ndcg@20", band: 0.02, pair: "0-1" });
	expect(of("metric=map@1&band=-4")).toEqual({ metric: "recall@20", band: 0.01, pair: null });
	expect(of("band=0").band).toBe(0);
	const pairs = [difference(), difference({ baseline: 2 })];
	expect([pairOf(pairs, "0-2"), pairOf(pairs, "9-9"), pairOf([], null)]).toEqual([pairs[1], pairs[0], undefined]);
});

it("puts bars on their side of zero, and lists beside what chance alone changes", () => {
	const bin = (from: number, to: number) => ({ from, to, users: 3 });
	const sides = bars([bin(-0.2, -0.1), bin(-0.1, 0), bin(-0.05, 0.05), bin(0, 0), bin(0, 0.1)]).map(({ side }) => side);
	expect(sides).toEqual(["less", "less", "same", "same", "more"]);
	const overlap = { group: 0, baseline: 1, depth: 20, overlap: 0.4, withinGroup: 0.7, withinBaseline: null };
	const deeper = { ...overlap, depth: 50 };
	const pair = { group: 0, baseline: 1 };
	const depths = [20, 50, 100].map((depth) => overlapOf([overlap, deeper], pair, depth)?.depth);
	expect([depths, overlapOf([overlap], { group: 0, baseline: 2 }, 20)]).toEqual([[20, 50, 50], undefined]);
	expect(overlapRows(overlap, "VALID", "EASE")).toEqual([
		{ label: "VALID and EASE", part: 0.4 },
		{ label: "two seeds of VALID", part: 0.7 },
		{ label: "two seeds of EASE", part: null },
	]);
});

it("has a 0 under the bin of ties, and other ticks evenly on either side", () => {
	const binsOf = (bins: number) =>
		Array.from({ length: bins }, (_, bin) => ({
			from: -1 + (2 * bin) / bins,
			to: -1 + (2 * (bin + 1)) / bins,
			users: 1,
		}));
	const of = (bins: number) => axisTicks(binsOf(bins), (value) => value.toFixed(2));
	expect([...of(41)]).toEqual([
		...[
			[0, "-0.98"],
			[10, "-0.49"],
			[20, "0"],
			[30, "0.49"],
			[40, "0.98"],
		],
	]);
	expect([...of(21)].map(([place]) => place)).toEqual([0, 5, 10, 15, 20]);
	expect([...axisTicks([{ from: 0, to: 0, users: 3 }], String)]).toEqual([[0, "0"]]);
});

it("leads to a user's lists by runs that are there still", () => {
	const whole = comparison();
	const [first, ...rest] = whole.groups;
	const gone = { id: "VALID-0", seed: 0, isGone: true };
	const groups = [{ ...first, runs: [gone, ...(first?.runs ?? [])] }, ...rest] as typeof whole.groups;
	expect(listsPath({ ...whole, groups }, { group: 0, baseline: 1 }, "a&b", "recall@20")).toBe(
		"/comparisons/c/lists?user=a%26b&metric=recall%4020&run=VALID-1&against=EASE-1",
	);
});
