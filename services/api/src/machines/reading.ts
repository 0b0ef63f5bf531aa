// Machines as they are known now, with what they do.
import type { Static } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import type { Prisma } from "../generated/prisma/client.js";
import { type MachineView, machineView, workInclude } from "../views/machine.js";
import { machineStates } from "./state.js";

/** Far more than there will be. */
const MOST = 1_000;

/** By class and name; those that are gone among them, until they are forgotten. */
export async function machines(
	app: FastifyInstance,
	where: Prisma.MachineWhereInput = {},
): Promise<Static<typeof MachineView>[]> {
	const rows = await app.prisma.machine.findMany({ where, orderBy: [{ class: "asc" }, { name: "asc" }], take: MOST });
	const work = await app.prisma.job.findMany({
		where: { state: "RUNNING", machine: { in: rows.map(({ name }) => name) } },
		orderBy: [{ startedAt: "asc" }, { id: "asc" }],
		include: workInclude,
	});
	const states = new Map((await machineStates(app)).map(({ name, state }) => [name, state]));
	return rows.map((row) =>
		machineView(
			row,
			states.get(row.name) ?? "gone", // its row went meanwhile
			work.filter(({ machine }) => machine === row.name),
		),
	);
}

/** Whether one is there that takes work of this class; of none: any at all. */
export async function isMachineThere(app: FastifyInstance, machineClass: string | null): Promise<boolean> {
	const found = await machineStates(app);
	return found.some((each) => each.state === "ready" && (machineClass === null || each.class === machineClass));
}
