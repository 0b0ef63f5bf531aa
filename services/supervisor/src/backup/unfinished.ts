// The mark of a restore under way, beside the artifacts it writes. Whoever finds it knows that a restore was killed there,
// for which database, and that all else in the folder was written by it. The trainer refuses a folder that holds one
// (settings.py).
import { randomUUID } from "node:crypto";
import {
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmdirSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { HomeTaken, ownerOf, takeHome } from "../home/lock.js";
import { quoted } from "../paths.js";

const FOLDER = ".restore";

export interface Unfinished {
	/** Named by the transaction that fills the database, so that it is known whether that was committed. */
	id: string;
	file: string;
	/** Of the manifest of that file. */
	digest: string;
	/** As of `identityOf`. */
	database: string;
}

export const tablesFolder = (artifacts: string) => join(artifacts, FOLDER, "tables");
const markOf = (artifacts: string) => join(artifacts, FOLDER, "restore.json");

/** One restore at a time works in a folder; throws when another does. Nothing is left of it but an unfinished restore, and of a folder
 * that is only on the way to an object store nothing else at all. */
export function lockArtifacts(artifacts: string, isOnTheWay = false): { release(): void } {
	const folder = join(artifacts, FOLDER);
	const wasThere = existsSync(artifacts);
	let lock: { release(): void };
	try {
		lock = takeHome(folder);
	} catch (error) {
		if (!(error instanceof HomeTaken)) throw error;
		throw new Error(`process ${error.owner.pid} is restoring into ${artifacts}; nothing was changed`);
	}
	return {
		release() {
			const isOver = !existsSync(markOf(artifacts));
			for (const name of readdirSync(folder))
				if (isOver && !name.startsWith("owner.json")) rmSync(join(folder, name), { recursive: true, force: true });
			if (isOver && isOnTheWay) removeAllBut(FOLDER, artifacts);
			lock.release();
			if (!isOver) return;
			removeEmpty(folder); // another restore may have come for the lock
			if (!wasThere || isOnTheWay) removeEmpty(artifacts);
			if (isOnTheWay) removeEmpty(dirname(artifacts));
		},
	};
}

function removeEmpty(folder: string): void {
	if (existsSync(folder) && readdirSync(folder).length === 0) rmdirSync(folder);
}

function removeAllBut(kept: string, folder: string): void {
	for (const name of readdirSync(folder))
		if (name !== kept) rmSync(join(folder, name), { recursive: true, force: true });
}

/** Before anything else is written. The mark appears whole or not at all. */
export function begin(artifacts: string, given: Omit<Unfinished, "id">): Unfinished {
	const mark = { id: randomUUID(), ...given };
	mkdirSync(join(artifacts, FOLDER), { recursive: true });
	writeFileSync(`${markOf(artifacts)}.half`, JSON.stringify(mark), { flush: true });
	renameSync(`${markOf(artifacts)}.half`, markOf(artifacts));
	mkdirSync(tablesFolder(artifacts));
	return mark;
}

/** Null: none was killed here. */
export function findUnfinished(artifacts: string): Unfinished | null {
	return existsSync(markOf(artifacts)) ? (JSON.parse(readFileSync(markOf(artifacts), "utf8")) as Unfinished) : null;
}

/** For whoever would use what is there. */
export function refuseUnfinished(artifacts: string): void {
	const mark = findUnfinished(artifacts);
	if (!mark) return;
	const owner = ownerOf(join(artifacts, FOLDER));
	if (owner) throw new Error(`process ${owner.pid} is restoring ${mark.file} into ${artifacts}`);
	throw new Error(
		`${artifacts} holds the beginning of a restore that did not finish; run it again: npx valence restore ${quoted(mark.file)}`,
	);
}

/** Files that are not of a restore's own making, nor the locks that trainers have left. */
export function filesIn(artifacts: string): string[] {
	if (!existsSync(artifacts)) return [];
	const apart = [FOLDER, ".writers"].map((name) => `${join(artifacts, name)}/`);
	return readdirSync(artifacts, { recursive: true, withFileTypes: true })
		.filter((entry) => !entry.isDirectory())
		.map((entry) => join(entry.parentPath, entry.name))
		.filter((path) => !apart.some((folder) => path.startsWith(folder)));
}

/** Whoever is killed in the middle leaves the mark, or nothing that it says anything about. */
export function finish(artifacts: string): void {
	rmSync(tablesFolder(artifacts), { recursive: true, force: true });
	rmSync(markOf(artifacts), { force: true });
}

/** The mark goes last: as long as anything else is there, it says whose it is. */
export function clear(artifacts: string): void {
	if (!existsSync(artifacts)) return;
	removeAllBut(FOLDER, artifacts);
	finish(artifacts);
}
