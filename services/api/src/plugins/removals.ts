// app.removals: artifacts that no row names any more. A key is noted in the transaction that forgets it and struck off
// once the trainer has deleted it, so that neither a crash nor an absent trainer leaves files for ever.
import fp from "fastify-plugin";
import { ApiError } from "../errors.js";
import { type Transaction, violatesForeignKey } from "./prisma.js";

/** Keys of one call to the trainer: it deletes whole folders within the deadline of a unary call. */
const AT_ONCE = 100;

export interface Removals {
	note(tx: Transaction, keys: string[]): Promise<void>;
	/** Deletes rows and the artifacts they named: `rows` returns their keys. Throws conflict with `inUse` where others hang on them. */
	forget(rows: (tx: Transaction) => Promise<string[]>, inUse: string): Promise<void>;
	/** Before an artifact of this key is made again; waits for a removal under way. */
	forgo(key: string): Promise<void>;
	/** After the commit that noted them. Never throws: what cannot be done now is left to the sweep. */
	carryOut(keys: string[]): Promise<void>;
	/** What no row ever named. Never throws. */
	discard(keys: string[]): Promise<void>;
	/** Does what is left of earlier ones, oldest first. */
	sweep(): Promise<void>;
}
declare module "fastify" {
	interface FastifyInstance {
		removals: Removals;
	}
}

export default fp(
	async (app) => {
		const rows = app.prisma.artifactRemoval;

		async function note(tx: Transaction, keys: string[]): Promise<void> {
			await tx.artifactRemoval.createMany({ data: keys.map((key) => ({ key })), skipDuplicates: true });
		}

		async function remove(keys: string[]): Promise<void> {
			for (let start = 0; start < keys.length; start += AT_ONCE) await removeNoted(keys.slice(start, start + AT_ONCE));
		}

		/** Its rows are locked meanwhile: who forgoes one waits, and what somebody else removes is theirs to remove. */
		async function removeNoted(keys: string[]): Promise<void> {
			await app.prisma.$transaction(async (tx) => {
				const held = await tx.$queryRaw<{ key: string }[]>`
					SELECT key FROM artifact_removals WHERE key = ANY(${keys}) ORDER BY key FOR UPDATE SKIP LOCKED`;
				const some = held.map(({ key }) => key);
				await app.trainer.deleteArtifacts(some);
				await tx.artifactRemoval.deleteMany({ where: { key: { in: some } } });
			});
		}

		async function quietly(work: () => Promise<void>): Promise<void> {
			await work().catch((err) => app.log.warn({ err }, "artifacts wait for the sweep"));
		}

		const carryOut = (keys: string[]) => quietly(() => remove(keys));

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
			async forgo(key) {
				await rows.deleteMany({ where: { key } });
			},
			carryOut,
			discard: (keys) =>
				quietly(async () => {
					await note(app.prisma, keys);
					await remove(keys);
				}),
			async sweep() {
				const left = await rows.findMany({ orderBy: { createdAt: "asc" }, take: AT_ONCE });
				await remove(left.map(({ key }) => key));
			},
		} satisfies Removals);
	},
	{ name: "removals", dependencies: ["prisma", "trainer"] },
);
