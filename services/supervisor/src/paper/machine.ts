// What computed a number, in one line.
import { availableParallelism, cpus } from "node:os";
import type { System } from "../client.js";
import type { PointResult } from "./results.js";

const HERE = /^https?:\/\/(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:|\/|$)/;

/** Cores are known of this machine alone; a service elsewhere tells its device and PyTorch. */
export function machineOf(system: System, url: string): string {
	const processor = cpus()[0]?.model.trim() || process.arch;
	const cores = HERE.test(url) ? `${availableParallelism()} cores (${processor})` : `${url}, cores not known`;
	return `${cores}, device ${system.device}, torch ${system.torchVersion}, Valence ${system.version}`;
}

/** Of all that computed a part of it, each once. */
export const machinesOf = (points: PointResult[]) => [
	...new Set(points.flatMap(({ runs }) => runs.map(({ machine }) => machine))),
];
