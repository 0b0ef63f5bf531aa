// A list as people read it: each item with what it is for.
import type { RecommendedItem } from "@valence/client";
import { sayList } from "../../services/cli/src/answers.js";

const item = (more: Partial<RecommendedItem>): RecommendedItem => ({
	id: "i1",
	title: null,
	score: 1,
	interestShares: [],
	because: [],
	...more,
});
const because = (...titles: (string | null)[]) => titles.map((title, place) => ({ id: `h${place}`, title }));

function said(items: RecommendedItem[]): string[] {
	const lines: string[] = [];
	const log = jest.spyOn(process.stdout, "write").mockImplementation((text) => lines.push(String(text)) > 0);
	sayList({ items });
	log.mockRestore();
	return lines.join("").split("\n").slice(0, -1);
}

it.each<[string, RecommendedItem, string]>([
	["its largest interest", item({ interestShares: [0.25, 0.75] }), "interest 2 (75 %)"],
	[
		"an interest, where the linear path has less",
		item({ interestShares: [0.45, 0.2], linearShare: 0.35 }),
		"interest 1 (45 %)",
	],
	["an interest, where both have as much", item({ interestShares: [0.5, 0], linearShare: 0.5 }), "interest 1 (50 %)"],
	[
		"what it goes with, two of it, by id without a title",
		item({ interestShares: [0.3, 0.1], linearShare: 0.6, because: because("Rye bread", null, "Butter") }),
		"goes with Rye bread, h1 (60 %)",
	],
	[
		"what it goes with, long titles cut and harmless",
		item({ interestShares: [0.1, 0.1], linearShare: 0.8, because: because(`\u001b[31m${"x".repeat(60)}`) }),
		`goes with �[31m${"x".repeat(27)} (80 %)`,
	],
	[
		"what you have, where nothing of it is named",
		item({ interestShares: [0.4], linearShare: 0.6 }),
		"goes with what you have (60 %)",
	],
	["a tag, of what no model knows", item({ fresh: true, tags: ["Red"] }), "new, for Red"],
	["nothing, where the model tells nothing", item({}), ""],
])("says %s", (_, one, told) => {
	expect(said([one])).toEqual([`     1. i1  ${told}`.trimEnd()]);
});
