// Says in a home that its owner is a backup or a restore: the PostgreSQL it has started ends with it, so nobody joins in.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Owner } from "../home/lock.js";
import { startOf } from "../identity.js";

const DOES = { backup: "makes a backup of it", restore: "restores into it" };
export type Work = keyof typeof DOES;

const fileOf = (home: string) => join(home, "at-work.json");

/** By whoever has taken the home. */
export function beginWork(home: string, work: Work): { end(): void } {
	writeFileSync(fileOf(home), JSON.stringify({ work, pid: process.pid, start: startOf(process.pid) }));
	return { end: () => rmSync(fileOf(home), { force: true }) };
}

/** Throws when the home's owner is one. What a killed one has left says nothing of a later owner. */
export function refuseAtWork(home: string, owner: Owner): void {
	let left: { work?: string; pid?: number; start?: string | null };
	try {
		left = JSON.parse(readFileSync(fileOf(home), "utf8"));
	} catch {
		return;
	}
	if (left.pid !== owner.pid || left.start !== owner.start || !(left.work && left.work in DOES)) return;
	throw new Error(
		`${home} is in use by process ${owner.pid}, which ${DOES[left.work as Work]}; try again when it has ended`,
	);
}
