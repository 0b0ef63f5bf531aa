// app.erasures: who was erased from a feed, in memory, so that nobody is answered by what a dataset taken before still holds of them.
// What is recorded is heard at once, and read again every few seconds besides.
import { hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import fp from "fastify-plugin";
import { recordErasure, type Source } from "../feeds/erasures.js";
import { ApiError } from "../http/errors.js";
import type { IdTable } from "../serving/id-table.js";
import type { Transaction } from "./prisma.js";

const CHANNEL = "erasures";
const RETRY_SECONDS = 2;
/** Ids hashed before others have their turn. */
const AT_ONCE = 5_000;
const NOBODY: ReadonlySet<number> = new Set();

export interface Erasures {
	/**
	 * The number of the erasure after which a dataset with these sources knows a person no more; null where it speaks for them.
	 * Throws unavailable while nothing could be read yet.
	 */
	of(sources: readonly Source[], user: string): number | null;
	/** Rows of a dataset with these sources whose people were erased since it was taken. Throws unavailable. */
	rowsOf(sources: readonly Source[], users: IdTable): Promise<ReadonlySet<number>>;
	/** In the transaction that erases a person: other processes follow. */
	record(tx: Transaction, feed: number, user: string): Promise<void>;
	/** After that transaction: once it resolves, this process answers by what it wrote. */
	refresh(): Promise<void>;
}

declare module "fastify" {
	interface FastifyInstance {
		erasures: Erasures;
	}
}

/** One feed. */
interface Known {
	id: number;
	salt: Uint8Array;
	/** By digest, as hexadecimals. */
	seqs: Map<string, number>;
	/** The last that has been read. */
	until: number;
}

export default fp(
	async (app) => {
		const { prisma } = app;
		/** By name. */
		let feeds: Map<string, Known> | null = null;
		/** One reading after the other. */
		let tail: Promise<unknown> = Promise.resolve();

		async function read(): Promise<void> {
			const rows = await prisma.feed.findMany({ select: { id: true, name: true, salt: true } });
			const found = new Map<string, Known>();
			for (const { id, name, salt } of rows) {
				const known = feeds?.get(name);
				found.set(name, known?.id === id ? known : { id, salt, seqs: new Map(), until: 0 });
			}
			const byId = new Map([...found.values()].map((feed) => [feed.id, feed]));
			const fresh = await prisma.$queryRaw<{ id: number; digest: string; seq: number }[]>`
				SELECT id, encode(digest, 'hex') AS digest, seq::float8 AS seq
				FROM unnest(${[...byId.keys()]}::int[], ${[...byId.values()].map(({ until }) => BigInt(until))}::bigint[]) AS known (id, until)
				JOIN feed_erasures ON feed_id = id AND seq > until`;
			for (const { id, digest, seq } of fresh) {
				const feed = byId.get(id) as Known;
				feed.seqs.set(digest, seq);
				feed.until = Math.max(feed.until, seq);
			}
			feeds = found;
		}
		function refresh(): Promise<void> {
			const mine = tail.then(read);
			tail = mine.catch(() => undefined);
			return mine;
		}
		const quietly = () =>
			void refresh().catch((err) => app.log.warn({ err }, "who was erased stays as it was last known"));

		/** The feeds of these sources from which anybody was erased since. */
		function concerned(sources: readonly Source[]): (Known & { since: number })[] {
			if (!feeds) throw new ApiError("unavailable", "The database is away.", [], RETRY_SECONDS);
			return sources.flatMap(({ feed, since }) => {
				const known = feeds?.get(feed);
				return known && known.until > since ? [{ ...known, since }] : [];
			});
		}
		function seqOf({ salt, seqs, since }: Known & { since: number }, user: string): number | null {
			const seq = seqs.get(hash("sha256", Buffer.concat([salt, Buffer.from(user)]), "hex"));
			return seq !== undefined && seq > since ? seq : null;
		}
		async function findRows(sources: readonly Source[], users: IdTable): Promise<ReadonlySet<number>> {
			const some = concerned(sources);
			const found = new Set<number>();
			for (let row = 0; row < users.length; row++) {
				if (row % AT_ONCE === AT_ONCE - 1) await nextTurn();
				const user = users.id(row);
				if (some.some((feed) => seqOf(feed, user) !== null)) found.add(row);
			}
			return found;
		}
		/** Of the last question about each dataset. */
		const rows = new WeakMap<IdTable, { asked: string; found: Promise<ReadonlySet<number>> }>();

		app.notifications.listen(CHANNEL, { notified: quietly, connected: quietly });
		const timer = setInterval(quietly, app.config.timings.liveRefresh);
		app.addHook("onClose", async () => clearInterval(timer));
		await refresh().catch((err) => app.log.warn({ err }, "who was erased is not known yet"));

		app.decorate("erasures", {
			of(sources, user) {
				for (const feed of concerned(sources)) {
					const seq = seqOf(feed, user);
					if (seq !== null) return seq;
				}
				return null;
			},
			async rowsOf(sources, users) {
				const some = concerned(sources);
				if (some.length === 0) return NOBODY;
				const asked = some.map(({ id, until, since }) => `${id} ${until} ${since}`).join();
				const known = rows.get(users);
				if (known?.asked === asked) return known.found;
				const found = findRows(sources, users);
				const kept = { asked, found };
				rows.set(users, kept);
				found.catch(() => rows.get(users) === kept && rows.delete(users));
				return found;
			},
			async record(tx, feed, user) {
				await recordErasure(tx, feed, user);
				await tx.$executeRaw`SELECT pg_notify(${CHANNEL}, ${String(feed)})`;
			},
			refresh,
		} satisfies Erasures);
	},
	{ name: "erasures", dependencies: ["prisma", "notifications"] },
);
