// What people whom a dataset does not hold did in its feed before it: mostly nothing, but the rule of the snapshot may have left them out.
import type { FastifyBaseLogger } from "fastify";
import { LRUCache } from "lru-cache";
import { Counter, type Registry } from "prom-client";
import { withDeadline } from "../deadline.js";
import type { Row } from "./people.js";

/** People whom a dataset does not hold, and rows of theirs from before it, that are kept in memory. */
const MOST_OLDER_PEOPLE = 20_000;
const MOST_OLDER_ROWS = 1_000_000;
/** Should an announcement have been lost. */
const OLDER_KEPT_MS = 60_000;
/** An answer waits no longer for such rows; the database is not asked for them again for a while then. */
const OLDER_WAIT_MS = 1_000;
const OLDER_PAUSE_MS = 5_000;

/** `rowsOf`: the rows of a feed since a number, of these people. */
export function olderRowsOf(
	rowsOf: (feed: number, since: number, users: string[]) => Promise<Row[]>,
	log: FastifyBaseLogger,
	registry: Registry,
) {
	const asked = new Counter({
		name: "valence_older_reads_total",
		help: "Reads of what people did in a feed before the dataset that does not hold them, by outcome: read, failed (or late), unasked (soon after that).",
		labelNames: ["outcome"],
		registers: [registry],
	});
	for (const outcome of ["read", "failed", "unasked"]) asked.inc({ outcome }, 0);
	const kept = new LRUCache<string, Row[]>({
		max: MOST_OLDER_PEOPLE,
		maxSize: MOST_OLDER_ROWS,
		sizeCalculation: ({ length }) => length + 1,
		ttl: OLDER_KEPT_MS,
	});
	let notAskedUntil = 0;
	return {
		/** Up to the row `since` of a feed; none where the database does not say it in time. */
		async of({ id, since }: { id: number; since: number }, user: string): Promise<Row[]> {
			const key = JSON.stringify([id, since, user]);
			const known = kept.get(key);
			if (known) return known;
			if (Date.now() < notAskedUntil) {
				asked.inc({ outcome: "unasked" });
				return [];
			}
			try {
				const rows = await withDeadline(rowsOf(id, 0, [user]), OLDER_WAIT_MS, "the database does not answer");
				const found = rows.filter(({ seq }) => seq <= since);
				kept.set(key, found);
				asked.inc({ outcome: "read" });
				return found;
			} catch (err) {
				asked.inc({ outcome: "failed" });
				notAskedUntil = Date.now() + OLDER_PAUSE_MS;
				log.warn({ err }, "answered without what people did before the dataset that does not hold them");
				return [];
			}
		},
		/** Rows were taken away. */
		forget: () => kept.clear(),
	};
}
