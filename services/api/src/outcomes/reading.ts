// What was recorded, counted: cells of one day, checkpoint and tier, and what becomes of them when several are added up.
import { Prisma } from "../generated/prisma/client.js";
import type { Transaction } from "../plugins/prisma.js";
import type { Tier } from "../serving/traffic.js";
import { type Interval, student, wilson } from "./intervals.js";
import { printIn } from "./print.js";

export interface Asked {
	deployment: string;
	/** The feed of the deployment now; null without one. */
	feed: number | null;
	/** Of a day, UTC. */
	from: Date;
	/** Answers before it have had their time: the beginning of an hour. */
	until: Date;
	withinHours: number;
}
export interface Cell {
	day: string;
	checkpoint: string;
	tier: Tier;
	answered: number;
	/** Recorded, and had their time. */
	answers: number;
	/** Recorded, and have not. */
	open: number;
	/** Of `answers`, those of which an item was taken. */
	taken: number;
	/** Items taken, each once an answer, and the sums of their ranks and of the squares of these. */
	items: number;
	ranks: number;
	squares: number;
}

const DAY = (at: string) => Prisma.sql`(${Prisma.raw(at)} AT TIME ZONE 'UTC')::date::text`;

export async function cellsOf(tx: Transaction, asked: Asked): Promise<{ cells: Cell[]; unmatched: number }> {
	const counted = await tx.$queryRaw<Omit<Cell, "taken" | "items" | "ranks" | "squares">[]>`
		SELECT ${DAY("hour")} AS day, checkpoint_id AS checkpoint, tier, sum(answered)::float8 AS answered,
			coalesce(sum(recorded) FILTER (WHERE hour < ${asked.until}), 0)::float8 AS answers,
			coalesce(sum(recorded) FILTER (WHERE hour >= ${asked.until}), 0)::float8 AS open
		FROM answer_hours WHERE deployment_name = ${asked.deployment} AND hour >= ${asked.from} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3`;
	const taken = await takenOf(tx, asked);
	const keyOf = ({ day, checkpoint, tier }: { day: string | null; checkpoint: string; tier: string }) =>
		`${day} ${checkpoint} ${tier}`;
	const found = new Map(taken.map((one) => [keyOf(one), one]));
	return {
		cells: counted.map((cell) => {
			const { taken = 0, items = 0, ranks = 0, squares = 0 } = found.get(keyOf(cell)) ?? {};
			return { ...cell, taken, items, ranks, squares };
		}),
		unmatched: taken.reduce((sum, one) => sum + one.unmatched, 0),
	};
}

interface TakenRow {
	/** Null for interactions that name no answer of theirs. */
	day: string | null;
	checkpoint: string;
	tier: string;
	taken: number;
	items: number;
	ranks: number;
	squares: number;
	unmatched: number;
}

/** Clocks of senders may be so far behind ours. What was done earlier than that before an answer did not come of it. */
const APART = Prisma.sql`interval '5 minutes'`;

/**
 * From the interactions that name an answer, each with its answer and item looked up by itself: a join might read all answers, and
 * before it has statistics each with each. What they cost goes with what was taken, not with what was answered.
 */
const takenOf = (tx: Transaction, { deployment, feed, from, until, withinHours }: Asked) => tx.$queryRaw<TakenRow[]>`
	SELECT ${DAY("day")} AS day, checkpoint, tier, (count(DISTINCT id) FILTER (WHERE is_counted))::float8 AS taken,
		(count(*) FILTER (WHERE is_counted))::float8 AS items, (coalesce(sum(rank) FILTER (WHERE is_counted), 0))::float8 AS ranks,
		(coalesce(sum(rank * rank) FILTER (WHERE is_counted), 0))::float8 AS squares,
		(coalesce(sum(rows) FILTER (WHERE day IS NULL), 0))::float8 AS unmatched
	FROM (
		SELECT id, day, checkpoint, tier, rank, is_counted, count(*) AS rows FROM (
			SELECT a.id, CASE WHEN o.is_own THEN date_trunc('day', a.at, 'UTC') END AS day,
				CASE WHEN o.is_own THEN a.checkpoint_id END AS checkpoint, CASE WHEN o.is_own THEN a.tier END AS tier, o.rank,
				o.is_own AND a.at >= ${from} AND a.at < ${until} AND i.at >= a.at - ${APART} AND i.at < a.at + ${withinHours} * interval '1 hour' AS is_counted
			FROM feed_interactions i
			LEFT JOIN LATERAL (SELECT * FROM answers WHERE id = i.recommendation_id LIMIT 1) AS a ON true
			LEFT JOIN LATERAL (
				SELECT array_position(a.items, ${printIn(Prisma.sql`x.id`)}) AS rank FROM feed_items x
				WHERE x.feed_id = i.feed_id AND x.key = i.item_key LIMIT 1
			) AS r ON true,
			LATERAL (SELECT r.rank, a.feed_id = i.feed_id AND r.rank IS NOT NULL AND (a.user_id IS NULL OR a.user_id =
				(SELECT id FROM feed_users u WHERE u.feed_id = i.feed_id AND u.key = i.user_key)) IS TRUE AS is_own OFFSET 0) AS o
			WHERE i.recommendation_id IS NOT NULL AND i.at >= ${from}::timestamptz - ${APART}
				AND (a.deployment_name = ${deployment} OR (a.id IS NULL AND i.feed_id = ${feed}))
		) AS named GROUP BY 1, 2, 3, 4, 5, 6
	) AS once GROUP BY 1, 2, 3`;

export interface Outcome {
	answers: number;
	open: number;
	taken: number;
	share: number | null;
	shareInterval: Interval | null;
	meanRank: number | null;
	meanRankInterval: Interval | null;
}

export function outcomeOf(cells: Cell[]): Outcome {
	const sum = (of: (cell: Cell) => number) => cells.reduce((total, cell) => total + of(cell), 0);
	const [answers, taken, items] = [sum((cell) => cell.answers), sum((cell) => cell.taken), sum((cell) => cell.items)];
	const [ranks, squares] = [sum((cell) => cell.ranks), sum((cell) => cell.squares)];
	return {
		answers,
		open: sum((cell) => cell.open),
		taken,
		share: answers > 0 ? taken / answers : null,
		shareInterval: wilson(taken, answers),
		meanRank: items > 0 ? ranks / items : null,
		meanRankInterval: student(items, ranks, squares),
	};
}

/** Of each day that has any. */
export const daysOf = (cells: Cell[]) =>
	[...grouped(cells, ({ day }) => day)].map(([day, own]) => ({ day, ...outcomeOf(own) }));

export function grouped<K>(cells: Cell[], by: (cell: Cell) => K): Map<K, Cell[]> {
	const groups = new Map<K, Cell[]>();
	for (const cell of cells) groups.set(by(cell), [...(groups.get(by(cell)) ?? []), cell]);
	return groups;
}
