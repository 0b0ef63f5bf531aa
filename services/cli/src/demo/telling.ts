// What the living demo says of what it sees.
import type { Recommendations, Refresh, ServedCheckpoint } from "@valence/client";
import { bold, dim, green, red, say, table } from "@valence/supervisor/terminal";
import { titleOf } from "../answers.js";

export function sayChapter(number: number, title: string, what: string): void {
	say(`\n${bold(`${number}. ${title}`)} ${what}\n`);
}

export const idsOf = ({ items }: Recommendations) => items.map(({ id }) => id);

/** How many of the second list are not in the first. */
export function movedOf(before: Recommendations, after: Recommendations): number {
	const had = new Set(idsOf(before));
	return idsOf(after).filter((id) => !had.has(id)).length;
}

export function sayMove(before: Recommendations, after: Recommendations): void {
	const had = new Set(idsOf(before));
	const has = new Set(idsOf(after));
	const left = before.items.filter(({ id }) => !has.has(id));
	const came = after.items.filter(({ id }) => !had.has(id));
	say(`  and the next answer has moved: ${left.length} of ${before.items.length} have left, ${came.length} have come`);
	for (const item of left) say(`    ${red("−")} ${dim(titleOf(item))}`);
	for (const item of came) say(`    ${green("+")} ${titleOf(item)}`);
}

export function sayHistory(refreshes: Refresh[], history: ServedCheckpoint[]): void {
	const time = (at: string | null) => (at === null ? "now" : at.slice(11, 19));
	const number = (value: number | null | undefined) => value?.toFixed(4) ?? "–";
	table(
		["refresh", "began", "seconds", "candidate", "deployed", "popularity", "outcome"],
		refreshes.map(({ createdAt, finishedAt, verdict, outcome }, index) => [
			String(index + 1),
			time(createdAt),
			((Date.parse(finishedAt ?? "") - Date.parse(createdAt)) / 1000).toFixed(1),
			...[verdict?.candidate.value, verdict?.deployed?.value, verdict?.popularity.value].map(number),
			outcome ?? "",
		]),
		{ left: [0, 6] },
	);
	say(`\n  What was served, newest first (times are UTC):`);
	for (const { model, epoch, deployedAt, until, by, cause, refreshId, reason } of history) {
		const number = refreshes.findIndex(({ id }) => id === refreshId) + 1;
		const who = cause === "refresh" ? `refresh ${number || ""}`.trim() : (by ?? "a person");
		say(`  ${time(deployedAt)} to ${time(until)}: ${model}, epoch ${epoch}, put there by ${who}`);
		say(`    ${dim(reason ?? "")}`);
	}
}

export function sayNext(): void {
	say(`\n  The same with what happens at yours (${bold("docs/living-data.md")}), every six hours by itself:`);
	for (const line of [
		"npx valence start",
		"npx valence feed push shop today.ndjson",
		"npx valence refresh set --feed shop --model valid --every 6h",
	])
		say(`    ${line}`);
	say(`  The dashboard shows it on its pages Feeds, Experiments and Deployments.`);
}
