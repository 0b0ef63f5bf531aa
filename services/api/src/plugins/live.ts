// app.live: what people have met since the dataset that is served was taken, in memory: of each feed that a deployment names the
// rows that its datasets do not hold. What is written is heard at once, and read again every few seconds besides. Who finds no room
// is read from the database, by its index, when they ask.
import { setTimeout as sleep } from "node:timers/promises";
import fp from "fastify-plugin";
import { Counter, Gauge } from "prom-client";
import { olderRowsOf } from "../feeds/older-rows.js";
import { byTime, type People, type Row } from "../feeds/people.js";
import { readingOf } from "../feeds/reading.js";
import { FEED_CHANNEL } from "../feeds/storing.js";
import type { Deployed } from "./deployments.js";
import type { Transaction } from "./prisma.js";

/** PostgreSQL takes 8,000 bytes; letters may be escaped on the way. */
const MOST_ANNOUNCED = 4_000;
/** A start, or a deployment, waits no longer for the memory to be filled: until then people are read from the database. */
const LONGEST_WAIT_MS = 10_000;
/** That people do not fit is said this often. */
const SAID_EVERY_MS = 60_000;

/** Of those whose id begins alike. */
const MOST_FOUND = 10_000;

/** A person's rows since the dataset. */
export interface Moved {
	rows: readonly Row[];
	/** Items, once each, those met last at the end. */
	items: string[];
	/** When each of `items` was met last, milliseconds since 1970. */
	times: number[];
	/** Another one whenever the rows are others. */
	version: string;
}

/** A person's history, as the recommender is asked with it; `erased`: what `app.erasures.of` says of them. */
export const historyOf = (deployed: Deployed | null, moved: Moved | null, erased: number | null) => ({
	whole: deployed !== null && deployed.feed !== null,
	live: moved?.items ?? [],
	// Rows may come late: the dataset can hold newer ones.
	liveAtMs: moved?.times ?? [],
	erased: erased !== null,
});

export interface Live {
	/** Null for who has not moved. Asks the database only where memory does not hold all who have. */
	of(deployed: Deployed, user: string): Moved | null | Promise<Moved | null>;
	/** All that the feed has of somebody whom the dataset does not hold: its rule may have left out what they did before it. */
	whole(deployed: Deployed, user: string): Promise<Moved | null>;
	/** Of those in memory who have moved, and whose id begins so, the ones who did last; in no order. */
	people(deployed: Deployed, prefix: string): string[];
	/** In the transaction that takes rows of these people away. */
	announceRemoval(tx: Transaction, feed: number, users: string[]): Promise<void>;
	/** After such a transaction: once it resolves, this process answers by what it wrote, these people's rows read anew. */
	refresh(feed: number, users?: string[]): Promise<void>;
	/** Waits until what a deployment needs is in memory, as far as there is room, but not for long. */
	ready(deployed: Deployed): Promise<void>;
}

declare module "fastify" {
	interface FastifyInstance {
		live: Live;
	}
}

/** Of whom rows were taken away, if any were; with the last of a transaction, the feed's count of such transactions. */
type Announced = [feed: number, users?: string[], removals?: number | null];

/** One feed in memory. */
class Followed {
	/** Null until all has been read. */
	people: People | null = null;
	/** While all is read nobody waits for it: whose rows were taken away meanwhile is read again at the end. */
	isReading = false;
	readonly changed = new Set<string>();
	/** The last row that has been read. */
	until = 0;
	/** How often rows were taken away; what is known otherwise than by the next number shows that something was missed. */
	removals = 0;
	/** The end of the readings that have been asked for: one at a time, so that no earlier one undoes what a later one saw. */
	tail: Promise<unknown> = Promise.resolve();
	/** What has not begun yet, for all who ask meanwhile. */
	next: Promise<void> | null = null;

	constructor(
		readonly id: number,
		/** Of the deployments that name it, the oldest dataset's. */
		public since: number,
	) {}
}

export default fp(
	async (app) => {
		const { prisma } = app;
		const { rowsOf, readPeople, readNew, readMost } = readingOf(prisma);
		const followed = new Map<number, Followed>();
		const registers = [app.meters.registry];
		const asked = new Counter({
			name: "valence_live_reads_total",
			help: "Histories read from the database for an answer, because LIVE_ROWS did not hold them.",
			registers,
		});
		new Gauge({
			name: "valence_live_rows",
			help: "Rows of feeds in memory.",
			registers,
			collect() {
				this.set([...followed.values()].reduce((sum, { people }) => sum + (people?.size ?? 0), 0));
			},
		});

		function inTurn<T>(feed: Followed, work: () => Promise<T>): Promise<T> {
			const mine = feed.tail.then(work);
			feed.tail = mine.catch(() => undefined);
			return mine;
		}

		const moved = new WeakMap<readonly Row[], Moved>();
		function movedBy(rows: readonly Row[]): Moved | null {
			if (rows.length === 0) return null;
			let known = moved.get(rows);
			if (!known) {
				const last = new Map(rows.map(({ item, at }) => [item, at]));
				const items = [...new Set(rows.map(({ item }) => item).reverse())].reverse();
				const times = items.map((item) => last.get(item) ?? 0);
				const seqs = rows.map(({ seq }) => seq);
				const sum = seqs.reduce((total, seq) => total + seq, 0);
				known = { rows, items, times, version: `${Math.max(...seqs)}.${sum}` };
				moved.set(rows, known);
			}
			return known;
		}

		/** All of it from the start; until then the database is asked. */
		async function readAll(feed: Followed, removals: number): Promise<void> {
			feed.people = null;
			feed.changed.clear();
			feed.isReading = true;
			const room = Math.floor(app.config.live.rows / Math.max(1, followed.size));
			const people = await readMost(feed, room).finally(() => {
				feed.isReading = false;
			});
			// Whoever writes from here on waits for their turn after this; what was written before is seen now.
			await readNew(feed, people);
			await readPeople(feed, people, [...feed.changed]);
			feed.people = people;
			feed.removals = removals;
		}

		async function read(feed: Followed): Promise<void> {
			const row = await prisma.feed.findUnique({ where: { id: feed.id }, select: { removals: true } });
			const removals = Number(row?.removals ?? 0);
			const { people } = feed;
			if (!people || people.since !== feed.since || feed.removals !== removals) await readAll(feed, removals);
			else await readNew(feed, people);
			if (feed.people?.isWhole === false) sayFull(feed);
		}

		/** Whoever asks while one waits for its turn is told by it. */
		function refreshed(feed: Followed): Promise<void> {
			feed.next ??= inTurn(feed, () => {
				feed.next = null;
				return read(feed);
			});
			return feed.next;
		}

		const readAgain = (feed: Followed, users: string[], removals: number | null = null) =>
			inTurn(feed, async () => {
				if (feed.people) await readPeople(feed, feed.people, users);
				if (removals === feed.removals + 1) feed.removals = removals;
			});

		const soon = (feeds: Followed[]) =>
			Promise.race([Promise.all(feeds.map(({ tail }) => tail)), sleep(LONGEST_WAIT_MS, undefined, { ref: false })]);

		const saidQuietly = (reading: Promise<unknown>) =>
			reading.catch((err) => app.log.warn({ err }, "what people do now stays as it was last known"));
		const quietly = (reading: Promise<unknown>) => void saidQuietly(reading);
		let said = 0;
		function sayFull({ id }: Followed): void {
			if (Date.now() - said < SAID_EVERY_MS) return;
			said = Date.now();
			app.log.warn(
				{ feed: id },
				"LIVE_ROWS does not hold what the feed has got since its snapshot; others are read from the database",
			);
		}

		function follow(): void {
			const needed = new Map<number, number>();
			for (const { feed } of app.deployments.all())
				if (feed) needed.set(feed.id, Math.min(feed.since, needed.get(feed.id) ?? Number.MAX_SAFE_INTEGER));
			for (const id of followed.keys()) if (!needed.has(id)) followed.delete(id);
			for (const [id, since] of needed) {
				const feed = followed.get(id) ?? new Followed(id, since);
				const isNew = !followed.has(id) || feed.since !== since;
				followed.set(id, feed);
				feed.since = since;
				if (isNew) quietly(refreshed(feed));
			}
		}

		async function fromDatabase({ feed }: Deployed, user: string): Promise<Moved | null> {
			if (!feed) return null;
			asked.inc();
			try {
				return movedBy((await rowsOf(feed.id, feed.since, [user])).toSorted(byTime));
			} catch (err) {
				app.log.warn({ err }, "answered without what the person has done since the dataset");
				return null;
			}
		}
		const older = olderRowsOf(rowsOf, app.log, app.meters.registry);

		app.notifications.listen(FEED_CHANNEL, {
			notified(payload) {
				const [id, users, removals] = JSON.parse(payload) as Announced;
				const feed = followed.get(id);
				if (users) older.forget();
				if (feed) quietly(users ? readAgain(feed, users, removals) : refreshed(feed));
			},
			connected: () => {
				for (const feed of followed.values()) quietly(refreshed(feed));
			},
		});
		app.deployments.follow(follow);
		await soon([...followed.values()]);
		/** One after the other: all at once would take every connection to the database where there are many. */
		async function refreshAll(): Promise<void> {
			for (const feed of [...followed.values()]) await saidQuietly(refreshed(feed));
		}
		let isUnderWay = false;
		const timer = setInterval(async () => {
			if (isUnderWay) return;
			isUnderWay = true;
			await refreshAll();
			isUnderWay = false;
		}, app.config.timings.liveRefresh);
		app.addHook("onClose", async () => clearInterval(timer));

		const notify = (tx: Transaction, announced: Announced) =>
			tx.$executeRaw`SELECT pg_notify(${FEED_CHANNEL}, ${JSON.stringify(announced)})`;

		app.decorate("live", {
			of(deployed, user) {
				const { feed } = deployed;
				if (!feed) return null;
				const people = followed.get(feed.id)?.people;
				if (!people || people.since > feed.since) return fromDatabase(deployed, user);
				const rows = people.get(user);
				if (!rows) return people.isWhole ? null : fromDatabase(deployed, user);
				return movedBy(people.since === feed.since ? rows : rows.filter(({ seq }) => seq > feed.since));
			},
			async whole(deployed, user) {
				const moved = await this.of(deployed, user);
				if (!deployed.feed || deployed.feed.since === 0) return moved;
				const before = await older.of(deployed.feed, user);
				return before.length > 0 ? movedBy([...before, ...(moved?.rows ?? [])].sort(byTime)) : moved;
			},
			people({ feed }, prefix) {
				const people = feed && followed.get(feed.id)?.people;
				if (!people || people.since > feed.since) return [];
				const found = people.withPrefix(prefix, MOST_FOUND);
				return people.since === feed.since ? found : found.filter((user) => people.hasMoved(user, feed.since));
			},
			async announceRemoval(tx, feed, users) {
				if (users.length === 0) return;
				const { removals } = await tx.feed.update({ where: { id: feed }, data: { removals: { increment: 1 } } });
				const parts = announceable(users);
				for (const [index, some] of parts.entries())
					await notify(tx, [feed, some, index === parts.length - 1 ? Number(removals) : null]);
			},
			async refresh(id, users) {
				const feed = followed.get(id);
				if (users) older.forget();
				if (!feed) return;
				if (feed.isReading) {
					for (const user of users ?? []) feed.changed.add(user);
					return;
				}
				await (users ? readAgain(feed, users) : refreshed(feed)).catch((err) => {
					app.log.warn({ err }, "written, and not read again yet");
				});
			},
			async ready({ feed }) {
				const own = feed && followed.get(feed.id);
				if (own) await soon([own]);
			},
		} satisfies Live);
		app.feeds.afterAdd((feed) => app.live.refresh(feed));
	},
	{ name: "live", dependencies: ["prisma", "notifications", "deployments", "feeds", "prometheus"] },
);

/** In parts that can be announced. */
function announceable(users: string[]): string[][] {
	const parts: string[][] = [];
	let bytes = MOST_ANNOUNCED;
	for (const user of users) {
		const own = Buffer.byteLength(JSON.stringify(user)) + 1;
		if (bytes + own > MOST_ANNOUNCED) {
			parts.push([]);
			bytes = 0;
		}
		parts.at(-1)?.push(user);
		bytes += own;
	}
	return parts;
}
