// What is said of items, into the tables of a feed, by whoever holds its row.
import { announceDeployment } from "../plugins/deployments.js";
import type { Transaction } from "../plugins/prisma.js";

export interface Said {
	item: string;
	title?: string | null;
	tags?: string[];
	available?: boolean;
}

/** Each item once; what is not said stays as it is, and nobody hears of what says nothing new. How many items were new. */
export async function describe(tx: Transaction, name: string, feed: number, items: Said[]): Promise<number> {
	const ids = items.map(({ item }) => item);
	const fresh = await tx.$executeRaw`
		INSERT INTO feed_items (feed_id, id) SELECT ${feed}, id FROM unnest(${ids}::text[]) AS given (id)
		WHERE NOT EXISTS (SELECT 1 FROM feed_items i WHERE i.feed_id = ${feed} AND i.id = given.id)`;
	const changed = await tx.$executeRaw`
		UPDATE feed_items i SET title = new.title, tags = new.tags, available = new.available
		FROM (
			SELECT key,
				CASE WHEN said ? 'title' THEN said ->> 'title' ELSE title END AS title,
				CASE WHEN said ? 'tags' THEN ARRAY(SELECT jsonb_array_elements_text(said -> 'tags')) ELSE tags END AS tags,
				coalesce((said ->> 'available')::boolean, available) AS available
			FROM jsonb_array_elements(${JSON.stringify(items)}::jsonb) AS said
				JOIN feed_items ON feed_id = ${feed} AND id = said ->> 'item'
		) AS new
		WHERE i.feed_id = ${feed} AND i.key = new.key
			AND (i.title, i.tags, i.available) IS DISTINCT FROM (new.title, new.tags, new.available)`;
	await tx.$executeRaw`
		UPDATE feeds SET items = items + ${fresh}, described = described + ${changed > 0 ? 1 : 0} WHERE id = ${feed}`;
	// Those that serve it leave out what cannot be had.
	if (changed > 0) await announceDeployment(tx, name);
	return fresh;
}
