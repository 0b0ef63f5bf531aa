// Where the files of exports lie, and what is left there of those that came to nothing.
import type { FastifyInstance } from "fastify";

/** Exports seen to in one round. */
const AT_ONCE = 100;

export const exportKey = (id: string) => `exports/${id}`;

/** Deletes what failed and cancelled exports have left; what cannot be deleted now is left to the sweeper. */
export async function discardHalfExports(app: FastifyInstance): Promise<void> {
	const keys = await app.prisma.$transaction(async (tx) => {
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
