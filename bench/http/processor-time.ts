import { readFileSync } from "node:fs";

/** Of the times in /proc. */
const TICK_MS = 10;

/** That the process has taken so far, of all its threads: what else the machine does lengthens it little. Linux only. */
export function processorMs(pid: number): number {
	const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
	return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
