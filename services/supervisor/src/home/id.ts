// Who a home is, wherever it lies: home.json travels with it, so that a home that is moved or renamed is known again.
import { existsSync, readdirSync, readFileSync, realpathSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface HomeId {
	id: string;
	/** Where it was when it last ran. */
	path: string;
	/** Set once there is one, so that a database that is gone is told from one that never was. */
	hasDatabase: boolean;
	/** Of the database's folder when it last ran: a rename keeps it, a copy does not. */
	inode?: number;
	/** A home that its maker removes at its own end. */
	madeBy?: "demo";
	/**
	 * The folder that the database was copied from, to another file system; it goes once the copy has started. The one in the
	 * home is "inside", as a path would be wrong after the home has moved.
	 */
	leftBehind?: string;
}

export function readHomeId(home: string): HomeId | null {
	const path = join(home, "home.json");
	if (!existsSync(path)) return null;
	let read: Partial<HomeId> | null = null;
	try {
		read = JSON.parse(readFileSync(path, "utf8")) as Partial<HomeId>;
	} catch {
		// told below
	}
	if (typeof read?.id === "string" && /^[0-9a-f-]{36}$/.test(read.id) && typeof read.path === "string") {
		return { ...read, id: read.id, path: read.path, hasDatabase: read.hasDatabase === true };
	}
	throw new Error(
		`${path} is damaged: it must hold {"id": "<uuid>", "path": "...", "hasDatabase": true}. With the database inside the home (a folder postgres) delete the file, and the home gets a new id; else put it back: npx valence homes lists the ids of databases outside.`,
	);
}

/** Written whole or not at all. */
export function writeHomeId(home: string, value: HomeId): void {
	const temporary = join(home, `home.json.${process.pid}`);
	writeFileSync(temporary, `${JSON.stringify(value, null, "\t")}\n`, { flush: true });
	renameSync(temporary, join(home, "home.json"));
}

/** A home that a person starts is theirs, whoever made it. */
export function becomeOwn(home: string): void {
	const known = readHomeId(home);
	if (!known?.madeBy) return;
	const { madeBy: _, ...id } = known;
	writeHomeId(home, id);
}

export function isSameFolder(one: string, other: string): boolean {
	try {
		return realpathSync(one) === realpathSync(other) || isSameInode(one, other);
	} catch {
		return false;
	}
}

/** Two mounts of one folder have different paths. */
function isSameInode(one: string, other: string): boolean {
	const [a, b] = [statSync(one), statSync(other)];
	return a.ino === b.ino && a.dev === b.dev;
}

/** Whether datasets or checkpoints lie in it. */
export function holdsArtifacts(home: string): boolean {
	return ["datasets", "runs"].some((kind) => {
		try {
			return readdirSync(join(home, "artifacts", kind)).some((name) => !name.startsWith("."));
		} catch {
			return false;
		}
	});
}

/** The newest backup that was made of it, as valence backup noted it. */
export function lastBackup(home: string): { file: string; at: string } | null {
	try {
		const { file, at } = JSON.parse(readFileSync(join(home, "last-backup.json"), "utf8"));
		return typeof file === "string" && typeof at === "string" ? { file, at } : null;
	} catch {
		return null;
	}
}
