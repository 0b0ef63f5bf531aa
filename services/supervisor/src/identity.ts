// Telling whether a process of an earlier start is still there: pids are used again, start times are not.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** When a process started, or null when there is none. */
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
		return process.platform === "linux" ? null : asked(pid, "lstart");
	}
}

/** The command line of a process, which everybody may read; null when there is none. */
export function commandOf(pid: number): string | null {
	try {
		return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
	} catch {
		return process.platform === "linux" ? null : asked(pid, "command");
	}
}

/** The process that started it and waits for its end; 1 when that one is gone. */
export function parentOf(pid: number): number {
	try {
		const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
		return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
	} catch {
		return process.platform === "linux" ? 1 : Number(asked(pid, "ppid") ?? 1);
	}
}

/** Where there is no /proc. */
const asked = (pid: number, field: string) =>
	spawnSync("ps", ["-o", `${field}=`, "-p", String(pid)], { encoding: "utf8" }).stdout?.trim() || null;
