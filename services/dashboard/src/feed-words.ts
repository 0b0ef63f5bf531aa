// What a feed adds to what the dataset knows, in words.
import type { Deployment, Recommendations, UserHistory } from "@valence/client";

type Part = UserHistory["items"][number]["part"];
const PARTS: Record<Exclude<Part, "live">, string> = {
	train: "learnt from",
	valid: "held back for validation",
	test: "held back for test",
	fold_in: "folded in",
	cold: "too new for training",
};

/** What became of an interaction; `isSnapshot`: the dataset is one of the feed that is served. */
export function partTitle(part: Part, { feed }: Pick<Deployment, "feed">, isSnapshot: boolean): string {
	if (part !== "live") return PARTS[part];
	return isSnapshot ? "live, since the snapshot" : `live, in ${feed}`;
}

const NONE = {
	no_feed: "none: nothing is served with a feed",
	no_tags: "none: no tag tells what this person likes",
	no_items: "none: no new item has a tag of what this person likes",
	no_room: "none has room in the list",
};

/** How many new items are in an answer, or why none is; null where none were asked for. */
export function freshSentence(fresh: Recommendations["fresh"]): string | null {
	if (!fresh) return null;
	if (fresh.mixed > 0) return `${fresh.mixed} new ${fresh.mixed === 1 ? "item" : "items"}`;
	return `New items: ${NONE[fresh.none ?? "no_room"]}`;
}

/** Who would still hold a person that is erased from a feed. */
export function erasureSentence(snapshots: { name: string }[]): string {
	const [first, ...more] = snapshots.map(({ name }) => name);
	const held =
		first === undefined
			? "No snapshot of it is there."
			: `${more.length === 0 ? `Its snapshot ${first} holds` : `Its ${more.length + 1} snapshots (${[first, ...more.slice(0, 2)].join(", ")}${more.length > 2 ? ", …" : ""}) hold`} whoever was in the feed then, until ${more.length === 0 ? "it is" : "they are"} deleted.`;
	return `Their rows and their id leave the feed, answers forget them at once, and no next snapshot has them. ${held} This cannot be undone.`;
}
