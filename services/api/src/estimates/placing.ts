// Which machines a run has room on (docs/adr/0040).
import type { FastifyInstance } from "fastify";
import type { Machine } from "../generated/prisma/client.js";
import type { MemoryEstimate } from "../generated/proto/trainer/v1/trainer.js";

/** Whether it trains on the CPU or on a GPU. */
export type Kind = "cpu" | "gpu";
export interface Place {
	/** Of the machines that may take it; null: any. */
	machineClass: string | null;
	kind: Kind;
}
export interface NoPlace {
	/** Bytes. */
	needed: number;
	/** That has the most of those that were asked for. */
	largest: { name: string; bytes: number };
	/** Where too few of its GPUs have so many bytes each. */
	gpus?: { needed: number; there: number };
}
/** Machines by their class; a class that is only declared has none yet. */
export type Classes = Map<string, Pick<Machine, "name" | "class" | "devices" | "memoryBytes">[]>;
type KnownMachine = Classes extends Map<string, (infer M)[]> ? M : never;

export async function classesOf(app: FastifyInstance): Promise<Classes> {
	const classes: Classes = new Map(app.config.machineClasses.map((name) => [name, []]));
	const machines = await app.prisma.machine.findMany({ orderBy: { name: "asc" } });
	for (const machine of machines) classes.set(machine.class, [...(classes.get(machine.class) ?? []), machine]);
	return classes;
}

/**
 * The class that was asked for; else none, where every class has a machine with room; else the one with room whose largest machine is
 * smallest: a larger one is left to who needs it. What nobody knows yet, the size of machines that are only declared, refuses nothing.
 */
export function placeOf(
	memory: MemoryEstimate | null,
	processes: number,
	classes: Classes,
	asked: string | null,
): Place | NoPlace {
	const needed = memory ?? UNKNOWN;
	const known = [...classes].filter(([name]) => asked === null || name === asked);
	const machines = known.flatMap(([, some]) => some);
	const withRoom = known.filter(
		([, some]) => some.length === 0 || some.some((machine) => fits(needed, processes, machine)),
	);
	if (machines.length > 0 && withRoom.length === 0) return shortOf(needed, processes, machines);
	const isOpen = asked === null && withRoom.length === known.length;
	const [smallest] = withRoom.toSorted(([, one], [, other]) => roomIn(one) - roomIn(other));
	const machineClass = isOpen ? null : (asked ?? smallest?.[0] ?? null);
	const takers = machineClass === null ? machines : (classes.get(machineClass) ?? []);
	return { machineClass, kind: takers.length > 0 && takers.every((machine) => gpuOf(machine) > 0) ? "gpu" : "cpu" };
}

/** Fits everywhere; how many GPUs it takes is known all the same. */
const UNKNOWN: MemoryEstimate = { cpuBytes: 0, gpuBytes: 0, gpuHostBytes: 0 };

/** Processes share the host's memory, and have a GPU each. */
function fits(memory: MemoryEstimate, processes: number, machine: KnownMachine): boolean {
	if (gpuOf(machine) === 0) return processes * memory.cpuBytes <= machine.memoryBytes;
	return gpusWith(memory.gpuBytes, machine) >= processes && processes * memory.gpuHostBytes <= machine.memoryBytes;
}

/** Bytes of each GPU that runs are trained on; none: on the CPU. */
const gpusOf = ({ devices }: KnownMachine) =>
	(devices as { kind: string; memoryBytes: number }[])
		.filter(({ kind }) => kind === "cuda")
		.map(({ memoryBytes }) => memoryBytes);
const gpusWith = (bytes: number, machine: KnownMachine) => gpusOf(machine).filter((room) => room >= bytes).length;
/** Of the largest; 0: there is none. */
const gpuOf = (machine: KnownMachine) => Math.max(0, ...gpusOf(machine));

/** Bytes where tensors lie. */
const roomOf = (machine: KnownMachine) => gpuOf(machine) || Number(machine.memoryBytes);
const roomIn = (machines: KnownMachine[]) => Math.max(...machines.map(roomOf), machines.length > 0 ? 0 : Infinity);

function shortOf(memory: MemoryEstimate, processes: number, machines: KnownMachine[]): NoPlace {
	const gpus = (machine: KnownMachine) => (gpuOf(machine) > 0 ? gpusWith(memory.gpuBytes, machine) : 0);
	const order = (one: KnownMachine, other: KnownMachine) => gpus(one) - gpus(other) || roomOf(one) - roomOf(other);
	const largest = machines.reduce((one, other) => (order(other, one) > 0 ? other : one));
	const [gpu, there] = [gpuOf(largest), gpus(largest)];
	const of = (needed: number, bytes: number) => ({ needed, largest: { name: largest.name, bytes } });
	if (gpu === 0) return of(processes * memory.cpuBytes, Number(largest.memoryBytes));
	if (there === 0) return of(memory.gpuBytes, gpu);
	if (there < processes) return { ...of(memory.gpuBytes, gpu), gpus: { needed: processes, there } };
	return of(processes * memory.gpuHostBytes, Number(largest.memoryBytes));
}
