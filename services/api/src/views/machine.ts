// How machines appear in answers, with what they do.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { type Job, JobKind, type Machine } from "../generated/prisma/client.js";
import { Nullable, Time, Uuid } from "../http/schemas.js";
import { MACHINE_STATES, type MachineState } from "../machines/state.js";

const Device = Type.Object(
	{
		kind: Type.Enum(["cpu", "cuda"], { type: "string" }),
		name: Type.String(),
		memoryBytes: Type.Integer({ description: "Its own; of the processors that of the machine." }),
	},
	{ title: "MachineDevice" },
);
const Work = Type.Object(
	{
		id: Uuid,
		kind: Type.Enum(Object.values(JobKind), { type: "string", title: "JobKind" }),
		startedAt: Time,
		about: Nullable(Type.String({ description: "Of a run, its model." })),
	},
	{ title: "MachineWork" },
);
export const MachineView = Type.Object(
	{
		name: Type.String(),
		class: Type.String({ description: "It takes runs that ask for this class, and what asks for none." }),
		state: Type.Enum([...MACHINE_STATES], {
			type: "string",
			title: "MachineState",
			description: "draining: it takes no work. gone: it was not heard of for a minute, or has ended.",
		}),
		devices: Type.Array(Device, {
			description: "The processors as one, then each GPU, but where runs may not use them (`DEVICE=cpu`).",
		}),
		memoryBytes: Type.Integer({ description: "Of the host, or of the container where that may take less." }),
		slots: Type.Integer({ description: "Runs at once that its trainer takes." }),
		versions: Type.Object(
			{ valence: Type.String(), torch: Type.String(), python: Type.String(), node: Type.String() },
			{ title: "MachineVersions" },
		),
		work: Type.Array(Work, { description: "What it works at, the longest first." }),
		registeredAt: Time,
		heardAt: Time,
		drainingSince: Nullable(Time),
	},
	{ title: "Machine" },
);

export const workInclude = { run: { select: { model: true } } } as const;
export type WorkRow = Job & { run: { model: string } | null };

export function machineView(row: Machine, state: MachineState, work: WorkRow[]): Static<typeof MachineView> {
	const { name, slots, heardAt, drainingSince } = row;
	return {
		...{ name, slots, class: row.class, state },
		devices: row.devices as Static<typeof Device>[],
		memoryBytes: Number(row.memoryBytes),
		versions: row.versions as Static<typeof MachineView>["versions"],
		work: work.map(({ id, kind, startedAt, createdAt, run }) => ({
			...{ id, kind, about: run?.model ?? null },
			startedAt: (startedAt ?? createdAt).toISOString(),
		})),
		registeredAt: row.registeredAt.toISOString(),
		heardAt: heardAt.toISOString(),
		drainingSince: drainingSince?.toISOString() ?? null,
	};
}
