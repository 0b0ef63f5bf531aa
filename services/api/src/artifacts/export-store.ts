// Where the files of exports lie, what is left there of those that came to nothing, and whom a row names no longer than it needs to.
import type { FastifyInstance } from "fastify";
import type { Transaction } from "../plugins/prisma.js";

/** Exports seen to in one round. */
const AT_ONCE = 100;

export const exportKey = (id: string) => `exports/${id}`;

/** Deletes what failed and cancelled exports have left, and ids that ended ones were asked for; what cannot be deleted now is left to the sweeper. */
export async function discardHalfExports(app: FastifyInstance): Promise<void> {
	const keys = await app.prisma.$transaction(async (tx) => {
		await forgetAsked(tx);
		const half = await tx.export.findMany({
			where: { artifactKey: { not: null }, job: { state: { in: ["FAILED", "CANCELLED"] } } },
			select: { id: true },
			take: AT_ONCE,
		});
		const ids = half.map(({ id }) => id);
		await tx.export.updateMany({ where: { id: { in: ids } }, data: { artifactKey: null } });
		await app.removals.note(tx, ids.map(exportKey));
		return ids.map(exportKey);
	});
	await app.removals.carryOut(keys);
}

/** Once an export has ended nobody needs the ids that it was asked for. How many they were stays. */
export const forgetAsked = (tx: Transaction) => tx.$executeRaw`
	UPDATE exports SET users = '[]' FROM jobs
	WHERE jobs.id = exports.id AND state IN ('SUCCEEDED', 'FAILED', 'CANCELLED') AND users <> '[]'`;
