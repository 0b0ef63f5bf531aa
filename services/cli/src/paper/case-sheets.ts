// The case of a user as tables: their history with the interest that each model puts each item in, and the top items of each interest.
import { foundOf, type GroupedItem } from "@valence/client";
import { titleOf as metricTitle } from "../metrics.js";
import type { CaseResult, Results, RowResult } from "./results.js";

export interface CaseCell {
	text: string;
	/** Whether the test asks for it. */
	isHit: boolean;
}
export interface CaseSheet {
	title: string;
	/** Of the first column, whose cells say what a line is; then of one column a model. */
	header: string[];
	/** Whether the first column names items; else the others do. */
	namesItems: boolean;
	lines: { label: string; cells: CaseCell[] }[];
}

export type WithCase = RowResult & { case: CaseResult };
const hasCase = (row: RowResult): row is WithCase => row.case !== undefined;
/** Rows that have one. */
export const casesOf = ({ rows }: Pick<Results, "rows">): WithCase[] => rows.filter(hasCase);

export function caseSheetsOf(results: Results): CaseSheet[] {
	const rows = casesOf(results);
	const [first] = rows;
	if (!first) return [];
	const of = `user ${first.case.user} of ${results.dataset.name}`;
	const models = rows.map(({ label }) => label);
	return [
		{
			title: `Top items of each interest, ${of}`,
			header: ["Interest", ...models],
			namesItems: false,
			lines: topLines(rows),
		},
		{
			title: `History and the interest of each item, ${of}`,
			header: ["Item", ...models],
			namesItems: true,
			lines: historyLines(rows),
		},
	];
}

function topLines(rows: WithCase[]): CaseSheet["lines"] {
	const interests = rows.map((row) => row.case.answer.interests);
	const lines: CaseSheet["lines"] = [];
	for (let place = 0; place < Math.max(...interests.map(({ length }) => length)); place++) {
		const own = interests.map((each) => each[place]);
		lines.push({
			label: String(place + 1),
			cells: own.map((one) => plain(one ? `${percent(one.weight)} of the history` : "")),
		});
		for (let rank = 0; rank < Math.max(...own.map((one) => one?.topItems.length ?? 0)); rank++) {
			const cells = own.map((one) => {
				const item = one?.topItems[rank];
				return { text: item ? nameOf(item) : "", isHit: item?.heldBack === "test" };
			});
			lines.push({ label: "", cells });
		}
	}
	return lines;
}

/** By the interests of the first model, what belongs to it most first. */
function historyLines(rows: WithCase[]): CaseSheet["lines"] {
	const first = rows[0]?.case.answer.history ?? [];
	const items = [...first].sort((a, b) => a.interest - b.interest || shareOf(b) - shareOf(a));
	return items.map((item) => ({
		label: nameOf(item),
		cells: rows.map((row) => {
			const same = row.case.answer.history.find(({ id }) => id === item.id);
			return plain(same ? `${same.interest + 1} (${percent(shareOf(same))})` : "");
		}),
	}));
}

/** Who it is and why, and how far each model leads to what the test asks for. */
export function caseNotesOf(results: Results): string[] {
	const rows = casesOf(results);
	const [first] = rows;
	if (!first) return [];
	const { user, chosen, answer } = first.case;
	const { wanted } = foundOf(answer);
	const [metric = ""] = results.metrics;
	const found = rows.map(({ label, case: { values, answer } }) => {
		const value = values[metric.replace("test.", "")];
		const measured =
			value == null ? "" : ` (${metricTitle(metric, results.definitions)} of the user ${value.toFixed(4)})`;
		return `${label} shows ${foundOf(answer).found}${measured}`;
	});
	const linear = rows.filter((row) => foundOf(row.case.answer).hasLinear).map(({ label }) => label);
	return [
		`User ${user}: ${chosen}. ${answer.historyTotal} items of history in training.`,
		"Each model numbers its interests by itself; a share behind an item's interest is how much of the item belongs to it.",
		`* The test asks for it. Of its ${wanted} ${wanted === 1 ? "item" : "items"} ${found.join(", ")}.`,
		...(linear.length > 0
			? [
					`Top items are in the order of each interest alone. The test ranked by a linear path as well for ${linear.join(", ")}, so its list may differ.`,
				]
			: []),
	];
}

export const shareOf = ({ interest, interestShares }: Pick<GroupedItem, "interest" | "interestShares">) =>
	interestShares[interest] ?? 0;
const nameOf = ({ id, title }: { id: string; title: string | null }) => title ?? id;
const percent = (share: number) => `${Math.round(share * 100)} %`;
const plain = (text: string): CaseCell => ({ text, isHit: false });
