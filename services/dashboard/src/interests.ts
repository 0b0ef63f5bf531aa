// What an interest is called, the interests of somebody whom nothing but a list describes, and what stands beside interests.
import { type Interest, type Item, LINEAR, type Recommendations } from "@valence/client";

const FORMED_BY = 5;

const numbered = (index: number) => `Interest ${index + 1}`;
export const titleOf = ({ id, title }: Item) => title ?? id;

/** By index: each its label, after its number where another is called the same. */
export function namesOf(interests: Pick<Interest, "index" | "label">[]): string[] {
	const names: string[] = [];
	for (const { index, label } of interests) {
		const isShared = interests.filter((one) => one.label === label).length > 1;
		names[index] = label === "" ? numbered(index) : isShared ? `${index + 1} · ${label}` : label;
	}
	return names;
}

export const nameAt = (names: string[], index: number | typeof LINEAR) =>
	index === LINEAR ? "Goes with what you have" : (names[index] ?? numbered(index));

/** The mean over the items that a model knows, 0 to 1; null where the model has no linear path. */
export function linearShareOf(items: Pick<Recommendations["items"][number], "linearShare">[]): number | null {
	const shares = items.flatMap(({ linearShare }) => linearShare ?? []);
	return shares.length === 0 ? null : shares.reduce((sum, share) => sum + share) / shares.length;
}

/** Of a guest: what each shelf holds, how much it has of what the list is for in all interests, and the items named most often as its reasons. */
export function interestsOf({ items, shelves = [] }: Recommendations): Interest[] {
	const total = (index: number) => items.reduce((sum, { interestShares }) => sum + (interestShares[index] ?? 0), 0);
	const all = shelves.reduce((sum, { interest }) => sum + total(interest), 0);
	return shelves.map(({ interest: index, label, items: topItems }) => ({
		index,
		label,
		weight: all === 0 ? 0 : total(index) / all,
		topItems,
		formedBy: mostNamed(topItems.flatMap(({ because }) => because)).slice(0, FORMED_BY),
	}));
}

function mostNamed(items: Item[]): Item[] {
	const times = new Map<string, number>();
	for (const { id } of items) times.set(id, (times.get(id) ?? 0) + 1);
	const each = [...new Map(items.map((item) => [item.id, item])).values()];
	return each.sort((a, b) => (times.get(b.id) ?? 0) - (times.get(a.id) ?? 0));
}
