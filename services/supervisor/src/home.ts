// A home holds everything of one running Valence: data, artifacts, logs. One process owns it at a time.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startOf } from "./identity.js";

interface Owner {
	pid: number;
	start: string | null;
	address: string;
}

export class HomeTaken extends Error {
	constructor(
		readonly home: string,
		readonly owner: Owner,
	) {
		super(`${home} is in use by process ${owner.pid}${owner.address ? `, which serves ${owner.address}` : ""}`);
	}
}

/** Takes the home, or throws HomeTaken; a dead owner's lock is taken over. */
export function takeHome(home: string, address = ""): { release(): void } {
	mkdirSync(join(home, "logs"), { recursive: true });
	const lock = join(home, "owner.json");
	const me: Owner = { pid: process.pid, start: startOf(process.pid), address };
	const mine = `${lock}.${process.pid}`;
	writeFileSync(mine, JSON.stringify(me), { mode: 0o600 });
	try {
		while (!appears(mine, lock)) {
			const owner = readOwner(lock);
			if (owner && isAlive(owner)) throw new HomeTaken(home, owner);
			removeDead(lock);
		}
	} finally {
		rmSync(mine, { force: true });
	}
	return { release: () => rmSync(lock, { force: true }) };
}

/** A link comes with its whole content or not at all, so nobody reads a lock that is still being written. */
function appears(mine: string, lock: string): boolean {
	try {
		linkSync(mine, lock);
		return true;
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
		throw error;
	}
}

/** Takes a dead owner's lock away, and puts it back when another start has taken the home in the meantime. */
function removeDead(lock: string): void {
	const aside = `${lock}.dead.${process.pid}`;
	try {
		renameSync(lock, aside);
	} catch {
		return; // another start was faster
	}
	const owner = readOwner(aside);
	if (owner && isAlive(owner)) appears(aside, lock);
	rmSync(aside, { force: true });
}

function isAlive(owner: Owner): boolean {
	const start = startOf(owner.pid);
	return start !== null && start === owner.start;
}

/** The first free of `base`, `base-2`, `base-3`, ... */
export function takeFreeHome(base: string): { home: string; release(): void } {
	for (let number = 1; ; number++) {
		const home = number === 1 ? base : `${base}-${number}`;
		try {
			return { home, ...takeHome(home) };
		} catch (error) {
			if (!(error instanceof HomeTaken)) throw error;
		}
	}
}

function readOwner(lock: string): Owner | null {
	try {
		return JSON.parse(readFileSync(lock, "utf8")) as Owner;
	} catch {
		return null; // half-written by a process that died, or gone meanwhile
	}
}
