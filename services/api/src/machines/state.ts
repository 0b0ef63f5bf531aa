// Whether machines take work, as their rows say.
import type { FastifyInstance } from "fastify";

export const MACHINE_STATES = ["ready", "draining", "gone"] as const;
export type MachineState = (typeof MACHINE_STATES)[number];

/** Of all of them. Judged by the database's clock, which heard_at is of: those of hosts differ. */
export async function machineStates(
	app: FastifyInstance,
): Promise<{ name: string; class: string; state: MachineState }[]> {
	const { machineGone } = app.config.timings;
	return app.prisma.$queryRaw`
		SELECT name, class, CASE
			WHEN instance IS NULL OR heard_at < now() - ${machineGone}::float8 * interval '1 millisecond' THEN 'gone'
			WHEN draining_since IS NOT NULL THEN 'draining' ELSE 'ready' END AS state
		FROM machines`;
}
