// Processes that are killed, or stopped and go on later as if no time had passed.
import type { Faults, Mend } from "../fault.js";

const NOTHING = () => undefined;

/** Returns whether there was such a process. */
export function signal(pid: number | undefined, name: NodeJS.Signals): boolean {
	try {
		return pid !== undefined && pid > 0 && process.kill(pid, name);
	} catch {
		return false; // it has ended meanwhile
	}
}

export const killed = (pid: number | undefined): Mend | null => (signal(pid, "SIGKILL") ? NOTHING : null);
const stopped = (pid: number | undefined): Mend | null =>
	signal(pid, "SIGSTOP") ? () => signal(pid, "SIGCONT") : null;

const ofService = (name: string): Faults => ({
	[`${name}-killed`]: { strike: (field) => killed(field.pidOf(name)) },
	[`${name}-stopped`]: { strike: (field) => stopped(field.pidOf(name)) },
});
export const one = <T>(all: readonly T[], pick: number): T | undefined => all[Math.floor(pick * all.length)];

export const processes: Faults = {
	...ofService("api"),
	...ofService("worker"),
	...ofService("trainer"),
	...ofService("recommender"),
	"child-killed": { strike: (field, pick) => killed(one(field.children(), pick)) },
	"child-stopped": { strike: (field, pick) => stopped(one(field.children(), pick)) },
};
