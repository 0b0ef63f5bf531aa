// What people have met since a dataset, as the database has it: rows of a feed, read into memory or for one answer.
import { Prisma, type PrismaClient } from "../generated/prisma/client.js";
import { MOST_OF_PERSON, People, type Row } from "./people.js";

/** Rows, or people, of one question to the database. */
const AT_ONCE = 10_000;
const PEOPLE_AT_ONCE = 500;

/** A feed, and how far it has been read. */
export interface Feed {
	readonly id: number;
	/** Rows that were committed later count. */
	since: number;
	/** The last row that has been read. */
	until: number;
}
interface Read extends Row {
	user: string;
}
export function readingOf(prisma: PrismaClient) {
	/** The newest rows since of these people, in no order. */
	const rowsOf = (feed: number, since: number, users: string[]) => prisma.$queryRaw<Read[]>`
		SELECT given.id AS user, ${itemOf(feed)} AS item, ${AT}, seq::float8 AS seq
		FROM unnest(${users}::text[]) AS given (id), LATERAL (
			SELECT item_key, at, seq FROM feed_interactions
			WHERE user_key = (SELECT key FROM feed_users u WHERE u.feed_id = ${feed} AND u.id = given.id) AND seq > ${BigInt(since)}
			ORDER BY at DESC, item_key DESC LIMIT ${MOST_OF_PERSON}
		) AS own`;

	/** As many of these people as there is room for, the first ones before the others. */
	async function readFirst(feed: Feed, people: People, users: string[]): Promise<void> {
		const found: [user: string, rows: Row[]][] = [];
		let rows = 0;
		for (let start = 0; start < users.length && rows < people.room; start += PEOPLE_AT_ONCE) {
			const some = await rowsOf(feed.id, people.since, users.slice(start, start + PEOPLE_AT_ONCE));
			const own = byUser(some);
			for (const user of users.slice(start, start + PEOPLE_AT_ONCE)) found.push([user, own.get(user) ?? []]);
			rows += some.length;
		}
		for (const [user, own] of found.reverse()) people.set(user, own);
	}

	/** These people as the database has them now. */
	async function readPeople(feed: Feed, people: People, users: string[]): Promise<void> {
		for (let start = 0; start < users.length; start += PEOPLE_AT_ONCE) {
			const some = users.slice(start, start + PEOPLE_AT_ONCE);
			const found = byUser(await rowsOf(feed.id, people.since, some));
			for (const user of some) people.set(user, found.get(user) ?? []);
		}
	}

	/** Rows that came after those that are known. */
	async function readNew(feed: Feed, people: People): Promise<void> {
		for (let count = AT_ONCE; count === AT_ONCE; ) {
			const rows = await prisma.$queryRaw<Read[]>`
				SELECT ${userOf(feed.id)} AS user, ${itemOf(feed.id)} AS item, ${AT}, seq::float8 AS seq
				FROM (SELECT * FROM feed_interactions WHERE feed_id = ${feed.id} AND seq > ${BigInt(feed.until)} ORDER BY seq LIMIT ${AT_ONCE}) AS own`;
			count = rows.length;
			const unknown = [...byUser(rows)].flatMap(([user, own]) => (people.add(user, own) ? [] : [user]));
			await readPeople(feed, people, unknown);
			feed.until = rows.reduce((last, { seq }) => Math.max(last, seq), feed.until);
		}
	}

	/** All who have moved; where there is no `room` for their rows, those who moved last. */
	async function readMost(feed: Feed, room: number): Promise<People> {
		const people = new People(feed.since, room);
		const [size] = await prisma.$queryRaw<{ rows: number }[]>`
			SELECT count(*)::int AS rows FROM (
				SELECT seq FROM feed_interactions WHERE feed_id = ${feed.id} AND seq > ${BigInt(feed.since)} ORDER BY seq LIMIT ${people.room + 1}
			) AS newer`;
		if ((size?.rows ?? 0) <= people.room) feed.until = feed.since;
		else {
			// Those who moved last, each with all that there is of them.
			people.lose();
			const newest = await prisma.$queryRaw<{ user: string; last: number }[]>`
				SELECT ${userOf(feed.id)} AS user, last FROM (
					SELECT user_key, max(seq)::float8 AS last
					FROM (SELECT user_key, seq FROM feed_interactions WHERE feed_id = ${feed.id} ORDER BY seq DESC LIMIT ${people.room}) AS newest
					GROUP BY user_key
				) AS own ORDER BY last DESC`;
			feed.until = newest[0]?.last ?? feed.since;
			await readFirst(
				feed,
				people,
				newest.map(({ user }) => user),
			);
		}
		await readNew(feed, people);
		return people;
	}

	return { rowsOf, readPeople, readNew, readMost };
}

// Each is looked up by itself: a join might read all items of the feed for one row.
const userOf = (feed: number) => Prisma.sql`(SELECT id FROM feed_users WHERE feed_id = ${feed} AND key = user_key)`;
const itemOf = (feed: number) => Prisma.sql`(SELECT id FROM feed_items WHERE feed_id = ${feed} AND key = item_key)`;
const AT = Prisma.sql`(extract(epoch FROM at) * 1000)::float8 AS at`;

function byUser(rows: Read[]): Map<string, Row[]> {
	const found = new Map<string, Row[]>();
	for (const { user, ...row } of rows) {
		const own = found.get(user);
		if (own) own.push(row);
		else found.set(user, [row]);
	}
	return found;
}
