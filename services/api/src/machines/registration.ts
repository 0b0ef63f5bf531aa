// A machine's own row: whoever renews it holds the name, and learns by that whether to drain.
import type { FastifyInstance } from "fastify";
import type { DescribeMachineResponse } from "../generated/proto/trainer/v1/trainer.js";

/** As MACHINE_CLASS says, or by its devices. */
export function classOf(app: FastifyInstance, described: DescribeMachineResponse): string {
	const hasGpu = usable(app, described).some(({ kind }) => kind === "cuda");
	return app.config.machine.class ?? (hasGpu ? "gpu" : "cpu");
}

/** The devices that its runs may be trained on. */
const usable = (app: FastifyInstance, { devices }: DescribeMachineResponse) =>
	app.config.device === "cpu" ? devices.filter(({ kind }) => kind !== "cuda") : devices;

/**
 * Makes or renews the row, in one statement: after a restart, a takeover or a sweep it is as good as the first time. Null when
 * another process holds the name and was heard of a moment ago.
 */
export async function renew(
	app: FastifyInstance,
	{ instance, machineClass }: { instance: string; machineClass: string },
	described: DescribeMachineResponse,
): Promise<{ isDraining: boolean } | null> {
	const { memoryBytes, slots, codeVersion, torchVersion, pythonVersion } = described;
	const versions = { valence: codeVersion, torch: torchVersion, python: pythonVersion, node: process.versions.node };
	const silence = app.config.timings.machineSilence;
	const [row] = await app.prisma.$queryRaw<{ isDraining: boolean }[]>`
		INSERT INTO machines AS m (name, class, devices, memory_bytes, slots, versions, instance)
		VALUES (${app.config.machine.name}, ${machineClass}, ${JSON.stringify(usable(app, described))}::jsonb, ${memoryBytes}, ${slots},
			${JSON.stringify(versions)}::jsonb, ${instance}::uuid)
		ON CONFLICT (name) DO UPDATE SET class = excluded.class, devices = excluded.devices, memory_bytes = excluded.memory_bytes,
			slots = excluded.slots, versions = excluded.versions, instance = excluded.instance, heard_at = now(),
			registered_at = CASE WHEN m.instance = excluded.instance THEN m.registered_at ELSE now() END
		WHERE m.instance IS NULL OR m.instance = excluded.instance
			OR m.heard_at < now() - ${silence}::float8 * interval '1 millisecond'
		RETURNING draining_since IS NOT NULL AS "isDraining"`;
	return row ?? null;
}

/** At an orderly end the row goes; one that drains stays, so that its successor drains too. */
export async function leave(app: FastifyInstance, instance: string): Promise<void> {
	const own = { name: app.config.machine.name, instance };
	await app.prisma.machine.deleteMany({ where: { ...own, drainingSince: null } });
	await app.prisma.machine.updateMany({ where: own, data: { instance: null } });
}

/** When another process that holds the name was last heard of; null when nobody has been for a while. */
export async function otherHeard(app: FastifyInstance): Promise<Date | null> {
	const { name } = app.config.machine;
	const silence = app.config.timings.machineSilence;
	const [row] = await app.prisma.$queryRaw<{ heardAt: Date }[]>`
		SELECT heard_at AS "heardAt" FROM machines WHERE name = ${name} AND instance IS NOT NULL
			AND heard_at >= now() - ${silence}::float8 * interval '1 millisecond'`;
	return row?.heardAt ?? null;
}

/** Deletes the rows of machines that were not heard of for `machineForgotten` and hold no work. */
export async function forgetMachines(app: FastifyInstance): Promise<void> {
	await app.prisma.$executeRaw`
		DELETE FROM machines m WHERE heard_at < now() - ${app.config.timings.machineForgotten}::float8 * interval '1 millisecond'
			AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.machine = m.name AND j.state = 'RUNNING')`;
}
