// A home holds everything of one running Valence: database, artifacts, logs. One process owns it at a time.
import { linkSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { startOf } from "../identity.js";

export interface Owner {
	pid: number;
	start: string | null;
	address: string;
	/** Path and inode of the home's folder: a copy of a home is not the one its owner holds. */
	path: string;
	inode: number;
}

export class HomeTaken extends Error {
	constructor(
		readonly home: string,
		readonly owner: Owner,
	) {
		super(
			`${home} is in use by process ${owner.pid}${owner.address ? `, which serves ${owner.address}` : ""}; npx valence stop ends it`,
		);
	}
}

/** Takes the home, or throws HomeTaken; a dead owner's lock is taken over. */
export function takeHome(home: string, address = ""): { release(): void } {
	const lock = join(home, "owner.json");
	const mine = `${lock}.${process.pid}`;
	try {
		mkdirSync(join(home, "logs"), { recursive: true });
		const [path, inode] = [realpathSync(home), statSync(home).ino];
		const me: Owner = { pid: process.pid, start: startOf(process.pid), address, path, inode };
		writeFileSync(mine, JSON.stringify(me), { mode: 0o600 });
	} catch (error) {
		const { code = "", message } = error as NodeJS.ErrnoException;
		if (["EACCES", "EPERM"].includes(code))
			throw new Error(
				`${home} cannot be written by this user (${message}). Start Valence as the user it belongs to, give the whole home to this one with chown -R, or name another with VALENCE_HOME.`,
			);
		// A folder on a disk that is read-only is refused in different words, depending on what is there already.
		if (["EROFS", "ENOENT", "ENOTDIR", "EEXIST", "ENOSPC"].includes(code))
			throw new Error(
				`${home} cannot be made or written (${message}): is its disk read-only or full, or a file in the way? VALENCE_HOME names another.`,
			);
		throw error;
	}
	try {
		while (!appears(mine, lock)) {
			const owner = ownerOf(home);
			if (owner) throw new HomeTaken(home, owner);
			removeDead(home, lock);
		}
	} finally {
		rmSync(mine, { force: true });
	}
	return {
		release() {
			if (ownerOf(home)?.pid === process.pid) rmSync(lock, { force: true }); // only our own
		},
	};
}

/** The living owner of a home. */
export function ownerOf(home: string, lock = join(home, "owner.json")): Owner | null {
	try {
		const owner = JSON.parse(readFileSync(lock, "utf8")) as Owner;
		const start = startOf(owner.pid);
		const isHere = owner.path === undefined || owner.path === realpathSync(home) || owner.inode === statSync(home).ino;
		return isHere && start !== null && start === owner.start ? owner : null;
	} catch {
		return null; // half-written by a process that died, or gone meanwhile
	}
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
function removeDead(home: string, lock: string): void {
	const aside = `${lock}.dead.${process.pid}`;
	try {
		renameSync(lock, aside);
	} catch {
		return; // another start was faster
	}
	if (ownerOf(home, aside)) appears(aside, lock);
	rmSync(aside, { force: true });
}

/** The first free of `base`, `base-2`, `base-3`, ... that its caller may use. */
export function takeFreeHome(
	base: string,
	mayUse: (home: string) => boolean = () => true,
): { home: string; release(): void } {
	for (let number = 1; ; number++) {
		const home = number === 1 ? base : `${base}-${number}`;
		if (!mayUse(home)) continue;
		try {
			return { home, ...takeHome(home) };
		} catch (error) {
			if (!(error instanceof HomeTaken)) throw error;
		}
	}
}
