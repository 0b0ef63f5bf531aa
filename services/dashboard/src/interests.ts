// What an interest is called, and the interests of somebody whom nothing but a list describes.

const FORMED_BY = 5;

const numbered = (index: number) => `Interest ${index + 1}`;
export const titleOf = ({ id, title }: Item) => title ?? id;

/** By index: each its label, after its number where another is called the same. */
export function namesOf(interests: Interest[]): string[] {
	const names: string[] = [];
	for (const { index, label } of interests) {
		const isShared = interests.filter((one) => one.label === label).length > 1;
		names[index] = label === "" ? numbered(index) : isShared ? `${index + 1} · ${label}` : label;
	}
	return names;
}

export const nameAt = (names: string[], index: number) => names[index] ?? numbered(index);

/** Of a guest: what each shelf holds, how much of the list it has, and the items named most often as its reasons. */
export function interestsOf({ items, shelves = [] }: Recommendations): Interest[] {
	const total = (index: number) => items.reduce((sum, { interestShares }) => sum + (interestShares[index] ?? 0), 0);
	return shelves.map(({ interest: index, label, items: topItems }) => ({
		index,
		label,
		weight: items.length === 0 ? 0 : total(index) / items.length,
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

import type { Interest, Item, Recommendations } from "@valence/client";
