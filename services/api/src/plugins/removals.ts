// app.removals: artifacts that no row names any more. A key is noted in the transaction that forgets it and struck off
// once the trainer has deleted it, so that neither a crash nor an absent trainer leaves files for ever.
import fp from "fastify-plugin";
import type { Transaction } from "./prisma.js";

/** Keys of one call to the trainer: it deletes whole folders within the deadline of a unary call. */
const AT_ONCE = 100;

export interface Removals {
	note(tx: Transaction, keys: string[]): Promise<void>;
	/** In the transaction that names an artifact whose key was forgotten before. */
	forgo(tx: Transaction, key: string): Promise<void>;
	/** After the commit, or for what no row ever named. Never throws: what cannot be done now is left to the sweep. */
	carryOut(keys: string[]): Promise<void>;
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
			for (let start = 0; start < keys.length; start += AT_ONCE) {
				const some = keys.slice(start, start + AT_ONCE);
				await app.trainer.deleteArtifacts(some);
				await rows.deleteMany({ where: { key: { in: some } } });
			}
		}

		app.decorate("removals", {
			note,
			async forgo(tx, key) {
				await tx.artifactRemoval.deleteMany({ where: { key } });
			},
			async carryOut(keys) {
				try {
					await remove(keys);
				} catch (err) {
					app.log.warn({ err }, "artifacts wait for the sweep");
					await note(app.prisma, keys).catch((err) => app.log.warn({ err }, "nor can they be noted"));
				}
			},
			async sweep() {
				const left = await rows.findMany({ orderBy: { createdAt: "asc" }, take: AT_ONCE });
				await remove(left.map(({ key }) => key));
			},
		} satisfies Removals);
	},
	{ name: "removals", dependencies: ["prisma", "trainer"] },
);
