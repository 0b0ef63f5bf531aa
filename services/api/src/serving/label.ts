// A short name for an interest, which has none of its own: the tags that tell it from the rest, or its first items.
import type { Vocabulary } from "./vocabulary.js";

const MOST_TAGS = 2;
const MOST_TITLES = 2;
/** A tag names an interest when at least this share of its items have it. */
const COMMON = 0.25;

export function labelOf(vocabulary: Vocabulary, items: readonly { id: string; title: string | null }[]): string {
	const telling = tellingTags(vocabulary, items);
	if (telling.length > 0) return telling.slice(0, MOST_TAGS).join(", ");
	return items
		.slice(0, MOST_TITLES)
		.map(({ id, title }) => title || id)
		.join(", ");
}

/** Tags that tell these items from the rest, the most telling first. */
export function tellingTags(vocabulary: Vocabulary, items: readonly { id: string }[]): string[] {
	const columns = items.map(({ id }) => vocabulary.items.ids.indexOf(id)).filter((column) => column >= 0);
	const counts = new Map<string, number>();
	for (const tag of columns.flatMap((column) => vocabulary.tagsOf(column))) counts.set(tag, (counts.get(tag) ?? 0) + 1);
	return (
		[...counts]
			.filter(([, count]) => count > 1 && count >= COMMON * columns.length)
			// How much more common it is here than in the whole catalogue, so that a tag of everything names nothing.
			.map(
				([tag, count]) =>
					[tag, (count / columns.length) * Math.log(vocabulary.items.ids.length / vocabulary.itemsWith(tag))] as const,
			)
			.filter(([, weight]) => weight > 0)
			.toSorted(([, a], [, b]) => b - a)
			.map(([tag]) => tag)
	);
}
