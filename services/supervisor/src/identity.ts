// Telling whether a process of an earlier start is still there: pids are used again, start times are not.
import { readFileSync } from "node:fs";

/** When a process started, or null when there is none (or, outside Linux, whether it exists at all). */
export function startOf(pid: number): string | null {
	try {
		process.kill(pid, 0);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EPERM") return null;
	}
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		const [state, ...rest] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
		return state === "Z" ? null : (rest[18] ?? null); // field 22, starttime
	} catch {
		return process.platform === "linux" ? null : "unknown";
	}
}
