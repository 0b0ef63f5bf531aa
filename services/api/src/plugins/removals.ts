// app.removals: artifacts that no row names any more. A key is noted in the transaction that forgets it and struck off
// once the trainer has deleted it, so that neither a crash nor an absent trainer leaves files for ever.
import fp from "fastify-plugin";
import { ARTIFACT_LOCK } from "../artifacts/artifact-lock.js";
import { ownersOf } from "../artifacts/disk-usage.js";
import { RemoteError } from "../grpc.js";
import { ApiError } from "../http/errors.js";
import { type Transaction, violatesForeignKey } from "./prisma.js";

/** Keys of one call to the trainer: it deletes whole folders within the deadline of a unary call, in an object store file by file. */
const AT_ONCE = 10;
/** Keys of one sweep. */
const SWEPT_AT_ONCE = 100;
/** Keys of one transaction that asks for their owners. */
const CLAIMED_AT_ONCE = 1_000;

type OwnersOf = (tx: Transaction, keys: string[]) => Promise<{ has(key: string): boolean }>;

export interface Removals {
	note(tx: Transaction, keys: string[]): Promise<void>;
	/** Deletes rows and the artifacts they named: `rows` returns their keys. Throws conflict with `inUse` where others hang on them. */
	forget(rows: (tx: Transaction) => Promise<string[]>, inUse: string): Promise<void>;
	/**
	 * Notes keys unless somebody owns them after all, or has noted them before: which. It asks for the owners while it holds the keys,
	 * so that whoever forgoes one, because it is made again, does so before the question or after the commit.
	 */
	claim(keys: string[], ownersOf: OwnersOf): Promise<string[]>;
	/** Before an artifact of this key is made again; waits for a removal under way. */
	forgo(key: string): Promise<void>;
	/** The same for everything below a folder. */
	forgoWithin(tx: Transaction, folder: string): Promise<void>;
	/** After the commit that noted them. Never throws: what cannot be done now is left to the sweep. */
	carryOut(keys: string[]): Promise<void>;
	/**
	 * What no row names: a transaction that failed may have been committed all the same, when its connection was lost before the
	 * answer. Never throws.
	 */
	discard(keys: string[]): Promise<void>;
	/** Does what is left of earlier ones, oldest first; a key that cannot be deleted is put behind the others. */
	sweep(): Promise<void>;
}
declare module "fastify" {
	interface FastifyInstance {
		removals: Removals;
	}
}

/** Then no other key can be deleted either. */
const isAway = (error: unknown) =>
	error instanceof RemoteError && ["unavailable", "store_unavailable"].includes(error.code);
const isTimeout = (error: unknown) => error instanceof RemoteError && error.code === "timeout";

export default fp(
	async (app) => {
		const rows = app.prisma.artifactRemoval;

		async function note(tx: Transaction, keys: string[]): Promise<void> {
			await tx.artifactRemoval.createMany({ data: keys.map((key) => ({ key })), skipDuplicates: true });
		}

		async function remove(keys: string[], removeSome = removeNoted): Promise<void> {
			for (let start = 0; start < keys.length; start += AT_ONCE) await removeSome(keys.slice(start, start + AT_ONCE));
		}

		/**
		 * Its rows are locked meanwhile: who forgoes one waits, and what somebody else removes is theirs to remove. While a
		 * backup copies artifacts nothing is deleted: they stay noted, for the sweep.
		 */
		async function removeNoted(keys: string[]): Promise<void> {
			await app.prisma.$transaction(async (tx) => {
				const [lock] = await tx.$queryRaw<{ isFree: boolean }[]>`
					SELECT pg_try_advisory_xact_lock_shared(${ARTIFACT_LOCK}::bigint) AS "isFree"`;
				if (!lock?.isFree) return;
				const held = await tx.$queryRaw<{ key: string }[]>`
					SELECT key FROM artifact_removals WHERE key = ANY(${keys}) ORDER BY key FOR UPDATE SKIP LOCKED`;
				const some = held.map(({ key }) => key);
				await app.trainer.deleteArtifacts(some);
				await tx.artifactRemoval.deleteMany({ where: { key: { in: some } } });
			});
		}

		/**
		 * One that cannot be deleted, because its folder may not be written to, or not in time, keeps its note and lets those behind it
		 * pass: at once, or after a timeout, as it may be the trainer that hangs, in the next sweep.
		 */
		async function removeEach(keys: string[]): Promise<void> {
			for (const key of keys) {
				await removeNoted([key]).catch(async (err) => {
					if (isAway(err)) throw err;
					app.log.warn({ err, key }, "an artifact cannot be deleted");
					await rows.updateMany({ where: { key }, data: { createdAt: new Date() } });
					if (isTimeout(err)) throw err;
				});
			}
		}

		async function quietly(work: () => Promise<void>): Promise<void> {
			await work().catch((err) => app.log.warn({ err }, "artifacts wait for the sweep"));
		}

		const carryOut = (keys: string[]) => quietly(() => remove(keys));

		async function claim(keys: string[], ownersOf: OwnersOf): Promise<string[]> {
			const claimed: string[] = [];
			const sorted = [...keys].sort(); // two who claim the same wait for each other, never in a circle
			for (let start = 0; start < sorted.length; start += CLAIMED_AT_ONCE) {
				const some = sorted.slice(start, start + CLAIMED_AT_ONCE);
				const unowned = await app.prisma.$transaction(async (tx) => {
					const held = await tx.$queryRaw<{ key: string }[]>`
						INSERT INTO artifact_removals (key) SELECT unnest(${some}::text[]) ON CONFLICT DO NOTHING RETURNING key`;
					const noted = held.map(({ key }) => key);
					const owners = await ownersOf(tx, noted);
					await tx.artifactRemoval.deleteMany({ where: { key: { in: noted.filter((key) => owners.has(key)) } } });
					return noted.filter((key) => !owners.has(key));
				});
				claimed.push(...unowned);
			}
			return claimed;
		}

		app.decorate("removals", {
			note,
			async forget(rows, inUse) {
				const forgotten = app.prisma.$transaction(async (tx) => {
					const keys = await rows(tx);
					await note(tx, keys);
					return keys;
				});
				const keys = await forgotten.catch((error) => {
					throw violatesForeignKey(error) ? new ApiError("conflict", inUse) : error;
				});
				await carryOut(keys);
			},
			claim,
			async forgo(key) {
				// Inserted first: that waits for whoever notes it in a transaction of theirs, which a delete would not see.
				await app.prisma.$transaction([
					rows.upsert({ where: { key }, create: { key }, update: { key } }),
					rows.deleteMany({ where: { key } }),
				]);
			},
			async forgoWithin(tx, folder) {
				await tx.artifactRemoval.deleteMany({ where: { key: { startsWith: `${folder}/` } } });
			},
			carryOut,
			discard: (keys) =>
				quietly(async () => {
					await remove(await claim(keys, ownersOf));
				}),
			async sweep() {
				const left = await rows.findMany({ orderBy: { createdAt: "asc" }, take: SWEPT_AT_ONCE });
				await remove(
					left.map(({ key }) => key),
					(some) => removeNoted(some).catch((error) => (isAway(error) ? Promise.reject(error) : removeEach(some))),
				);
			},
		} satisfies Removals);
	},
	{ name: "removals", dependencies: ["prisma", "trainer"] },
);
