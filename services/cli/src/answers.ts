// Answers of the service as people read them: lists of recommendations, facts of a dataset.
import { causeOf, type Dataset, type Item, LINEAR, type Recommendations, type RecommendedItem } from "@valence/client";
import { count, dim, facts, harmless, interestColour, say } from "@valence/supervisor/terminal";

const WIDEST_TITLE = 64;
/** Of what an item goes with. */
const MOST_NAMED = 2;
const WIDEST_NAMED = 32;

export const titleOf = ({ id, title }: Pick<Item, "id" | "title">) => title ?? id;

/** Ranks, titles, and which interest each is for, or what it goes with. */
export function sayList({ items }: Pick<Recommendations, "items">): void {
	const titles = items.map((item) => harmless(titleOf(item)).slice(0, WIDEST_TITLE));
	const width = Math.max(...titles.map((title) => title.length), 0);
	items.forEach((item, rank) => {
		const { id, title } = item;
		const mark = markOf(item);
		const place = `${String(rank + 1).padStart(4)}.`;
		const known = title === null ? "" : dim(id);
		say(`  ${place} ${(titles[rank] ?? "").padEnd(width)}  ${mark}${mark && known ? "  " : ""}${known}`.trimEnd());
	});
}

function markOf(item: RecommendedItem): string {
	if (item.fresh) return `new, for ${harmless((item.tags ?? []).join(", "))}`;
	const cause = causeOf(item);
	if (cause === null) return "";
	if (cause !== LINEAR) return interestColour(cause, `interest ${cause + 1} (${percent(item.interestShares[cause])})`);
	const named = item.because.slice(0, MOST_NAMED).map((one) => harmless(titleOf(one)).slice(0, WIDEST_NAMED));
	return `goes with ${named.join(", ") || "what you have"} (${percent(item.linearShare)})`;
}

const percent = (share = 0) => `${Math.round(share * 100)} %`;

const SPLITS: Record<string, string> = {
	given: ", as the files give it",
	leave_last: ": the last of each user",
	temporal: ": what came last",
	strong: ": of users held out",
};

export function sayDataset({ statistics, rule }: Dataset): void {
	if (!statistics) return;
	const { users, items, interactions, density, train, valid, test, titledItems, taggedItems } = statistics;
	const { foldIn, times } = statistics;
	const kind = (rule.split as { kind?: string } | undefined)?.kind ?? "";
	const more: [string, string][] = [];
	if (titledItems + taggedItems > 0)
		more.push([
			"items",
			[
				titledItems > 0 && `${share(titledItems, items)} with a title`,
				taggedItems > 0 && `${share(taggedItems, items)} with tags`,
			]
				.filter(Boolean)
				.join(", "),
		]);
	const lost = [
		[statistics.duplicatesMerged, "duplicates merged"],
		[statistics.rowsSkipped, "rows skipped"],
		[statistics.belowThreshold, "below the thresholds"],
		[statistics.outsideWindow, "outside the window"],
		[statistics.outsideCore, "outside the k-core"],
		[statistics.coldDropped, "of unknown users or items dropped"],
	] as const;
	const told = lost.filter(([n]) => n > 0).map(([n, what]) => `${n.toLocaleString("en")} ${what}`);
	if (told.length > 0) more.push(["left out", told.join(", ")]);
	facts([
		["users", users.toLocaleString("en")],
		["items", items.toLocaleString("en")],
		["interactions", `${interactions.toLocaleString("en")} (density ${(density * 100).toFixed(2)} %)`],
		[
			"split",
			`${count(train, "row")} to train, ${valid.toLocaleString("en")} to validate, ${test.toLocaleString("en")} to test${foldIn > 0 ? `, ${foldIn.toLocaleString("en")} folded in` : ""}${SPLITS[kind] ?? ""}`,
		],
		...(times
			? ([["times", `${times.from.slice(0, 10)} to ${times.to.slice(0, 10)}, written as ${times.form}`]] as [
					string,
					string,
				][])
			: []),
		...more.map(([name, text]): [string, string] => [name === "items" ? "of the items" : name, text]),
	]);
}

const share = (part: number, whole: number) =>
	part === whole ? "all" : `${part.toLocaleString("en")} of ${whole.toLocaleString("en")}`;
