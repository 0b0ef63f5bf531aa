// The lists of one user as a test saw them: nothing that was masked, and everything that was asked for.
import type { ComparisonDetail, Interaction, Recommendations } from "@valence/client";

/** A run of a group that is compared, and what it is called. */
export interface Side {
	run: string;
	seed: number;
	name: string;
}

/** The side that a run is on; undefined where the comparison has no such run. */
export function sideOf({ groups }: Pick<ComparisonDetail, "groups">, run: string | null): Side | undefined {
	for (const { name, runs } of groups) {
		const found = runs.find(({ id }) => id === run);
		if (found) return { run: found.id, seed: found.seed, name };
	}
	return undefined;
}

/** The runs of the group that a run is of: its seeds to choose among. */
export const seedsBeside = ({ groups }: Pick<ComparisonDetail, "groups">, run: string) =>
	groups.find(({ runs }) => runs.some(({ id }) => id === run))?.runs ?? [];

/** Items that the protocol takes out of the lists: what the models were given, and what it adds to that. */
export const maskedOf = (history: Pick<Interaction, "id" | "part">[], maskTest: string) =>
	distinct(
		history.filter(
			({ part }) => part === "train" || part === "fold_in" || (part === "valid" && maskTest === "train+valid"),
		),
	);

/** Items that the test asks for. */
export const wantedOf = (history: Pick<Interaction, "id" | "part">[]) =>
	distinct(history.filter(({ part }) => part === "test"));

const distinct = (items: { id: string }[]) => [...new Set(items.map(({ id }) => id))];

/** As far as a metric looks: recall@20 at 20. */
export const depthOf = (metric: string) => Number(metric.split("@")[1] ?? "20") || 20;

type Listed = Pick<Recommendations["items"][number], "id" | "title">;

/** A list from its first rank, each item with whether the test asked for it and whether the other list has it too. */
export function rankRows(items: Listed[], other: Listed[], wanted: string[]) {
	const [asked, beside] = [new Set(wanted), new Set(other.map(({ id }) => id))];
	return items.map((item, index) => ({
		...item,
		rank: index + 1,
		isHit: asked.has(item.id),
		isInBoth: beside.has(item.id),
	}));
}

/** "Of 9 items that the test asks for 4 are in the list of valid, 2 in that of ease." */
export function hitsSentence(wanted: string[], lists: [name: string, items: Listed[]][]): string {
	const asked = new Set(wanted);
	const [first, ...others] = lists.map(([name, items]) => ({
		name,
		hits: items.filter(({ id }) => asked.has(id)).length,
	}));
	if (!first) return "";
	const noun = wanted.length === 1 ? "item" : "items";
	const rest = others.map(({ name, hits }) => `, ${hits} in that of ${name}`).join("");
	return `Of ${wanted.length} ${noun} that the test asks for ${first.hits} ${first.hits === 1 ? "is" : "are"} in the list of ${first.name}${rest}.`;
}
