// Where the embedded PostgreSQL's files lie: in the home, as root and as anybody else. Only where the account it runs
// as cannot enter the home do they lie outside, in a folder named by the home's id. A database is never deleted but for
// the one that a verified copy of it has replaced.
import { createHash, randomUUID } from "node:crypto";
import {
	chmodSync,
	chownSync,
	existsSync,
	lchownSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	realpathSync,
	renameSync,
	rmSync,
	statSync,
} from "node:fs";
import { join } from "node:path";
import { type HomeId, holdsArtifacts, isSameFolder, lastBackup, readHomeId, writeHomeId } from "../home/id.js";
import { DEFAULT_HOME, quoted } from "../paths.js";
import { type Account, isRoot, mayEnter, nameOf, otherAccount } from "./account.js";
import { type Binaries, binaries, runnableBy } from "./binaries.js";
import { moveFolder } from "./move-folder.js";
import {
	EARLIER_ID,
	earlierId,
	OUTSIDE,
	outsideDatabases,
	peek,
	read,
	SHARED_FOLDERS,
	sharedFolder,
} from "./outside.js";
import { endServer, supervisorOf } from "./server.js";

export interface Place {
	/** PostgreSQL's own files: bin, lib and share. */
	native: string;
	/** Holds data and password. */
	folder: string;
	account: Account | null;
	/** For people: where the data is, and why there. */
	description: string;
	/** Once the server has started: what has been moved goes from where it was, and the home remembers its database. */
	settle(): void;
}

export interface PlaceOptions {
	/** Starts empty although the home had a database. */
	isNew?: boolean;
	/** Takes the files of a database that was copied while it may have been running. */
	trustsCopy?: boolean;
	tell?: (message: string) => void;
}

const INSIDE = "postgres";
export const holdsDatabase = (folder: string) => existsSync(join(folder, "data/PG_VERSION"));

/** Finds the home's database, or the place for a new one. Throws with what to do when it is not there or not its own. */
export async function placeOf(home: string, options: PlaceOptions = {}): Promise<Place> {
	const { isNew = false, trustsCopy = false, tell = () => undefined } = options;
	const real = realpathSync(home);
	const program = binaries();
	const known = readHomeId(real);
	if (known) refuseCopy(real, known);
	const first = databaseOf(real, known);
	if (!first && !isNew) refuseGone(real, known);
	if (first) refuseOtherMajor(real, first, program);
	if (first) refuseRunning(real, first);

	const isOurs = known && (first || !known.hasDatabase);
	const id: HomeId = isOurs ? known : { id: earlierId(real) ?? randomUUID(), path: real, hasDatabase: false };
	if (id !== known) writeHomeId(real, id);
	const account = isRoot() ? accountOf(first) : null;
	const isOutside = account !== null && !mayEnter(account, real);
	const wanted = isOutside ? join(sharedFolder(), id.id) : join(real, INSIDE);
	if (first) {
		await endServer(join(first, "data"));
		if (!trustsCopy) refuseTornCopy(real, first, id);
	}
	if (first && first !== wanted) {
		tell(`the database moves from ${first} to ${wanted}`);
		makeRoom(wanted);
		moveFolder(first, wanted, () => {
			const leftBehind = first === join(real, INSIDE) ? "inside" : first;
			const { inode: _, ...rest } = id; // a copy that has been compared is no torn one
			writeHomeId(real, { ...rest, hasDatabase: true, leftBehind });
		});
	}
	mkdirSync(wanted, { recursive: true, mode: 0o700 });
	if (account) {
		lend(wanted, account);
		if (!mayEnter(account, wanted))
			throw new Error(
				`PostgreSQL's account ${account.name} cannot enter ${wanted}: let it, or name a home with VALENCE_HOME.`,
			);
	}
	if (holdsDatabase(wanted)) chmodSync(join(wanted, "data"), 0o700); // PostgreSQL insists, and not every copy keeps it

	return {
		native: account ? runnableBy(account, program, sharedFolder) : program.native,
		folder: wanted,
		account,
		description: isOutside
			? `${wanted}, as user ${account.name} cannot enter the home; a copy of the home does not hold it, npx valence backup does`
			: wanted,
		settle: () => settle(real, wanted, isOutside),
	};
}

/** A copy's first folder goes only when what it holds is, by PostgreSQL's own number, what now runs elsewhere. */
function settle(home: string, folder: string, isOutside: boolean): void {
	const { id, leftBehind, madeBy } = readHomeId(home) as HomeId;
	const inode = statSync(join(folder, "data")).ino;
	const settled: HomeId = { id, path: home, hasDatabase: true, inode, ...(madeBy && { madeBy }) };
	if (isOutside) writeHomeId(folder, settled);
	const left = leftBehind === "inside" ? join(home, INSIDE) : leftBehind;
	if (left && left !== folder && holdsDatabase(left) && clusterOf(left) === clusterOf(folder)) {
		renameSync(left, `${left}.gone`); // half-deleted it would still look like a database
	}
	if (left) rmSync(`${left}.gone`, { recursive: true, force: true });
	for (const name of [join(folder, EARLIER_ID.outside), join(home, EARLIER_ID.inHome)]) rmSync(name, { force: true });
	writeHomeId(home, settled);
}

/** What a start that was killed leaves of a place that never became one. */
function makeRoom(folder: string): void {
	if (holdsDatabase(folder)) return;
	for (const name of ["data.half", "password", "home.json"])
		rmSync(join(folder, name), { recursive: true, force: true });
}

/**
 * The folder that holds the home's database, or null. While a move between file systems is not settled there are two; the
 * one that was left behind counts only while the other is not there.
 */
export function databaseOf(home: string, known = readHomeId(home)): string | null {
	const inside = join(home, INSIDE);
	const outside = known ? SHARED_FOLDERS.map((shared) => join(shared, known.id)) : [];
	const left = known?.leftBehind === "inside" ? inside : known?.leftBehind;
	for (const folder of [inside, ...outside]) refuseForeign(folder);
	const found = [inside, ...outside].filter((folder) => folder !== left && holdsDatabase(folder));
	if (found.length > 1)
		throw new Error(
			`There are two databases of ${home}: ${found.join(" and ")}. Nothing has been started or changed. One is older, perhaps from a copy of the home that was put back: move the wrong one away.`,
		);
	return found[0] ?? (left && holdsDatabase(left) ? left : earlierFolder(home));
}

/** Two homes with one id: the second must neither share nor empty the first's database. */
function refuseCopy(home: string, { id, path }: HomeId): void {
	const outside = SHARED_FOLDERS.map((shared) => join(shared, id)).find(holdsDatabase);
	for (const other of [path, outside && peek(outside)?.path]) {
		if (other && !isSameFolder(other, home) && peek(other)?.id === id) throw copyOf(home, other);
	}
}

const copyOf = (home: string, other: string) =>
	new Error(
		`${home} is a copy of the home ${other}, which is still there: two services would be one and the same.
Nothing has been started or changed. What this copy is for decides what to do:
  a second Valence with the same data   in the first one: npx valence backup FILE; then here, with this home moved away
                                        or another one named by VALENCE_HOME: npx valence restore FILE
  to take the place of the first one    move or rename ${other}, then start again`,
	);

function refuseGone(home: string, known: HomeId | null): void {
	const earlier = earlierId(home);
	if (!known?.hasDatabase && !earlier && !holdsArtifacts(home)) return;
	const looked = [join(home, INSIDE), ...(known ? [join(OUTSIDE, known.id)] : [])].join(" or ");
	const others = known?.hasDatabase || earlier ? "" : " (it may have been used with a DATABASE_URL)";
	throw new Error(
		`The database of ${home} is not there: it should lie in ${looked}${others}.
Nothing has been started or changed; checkpoints and datasets still lie in ${join(home, "artifacts")}. Either
  bring its folder back (as root, npx valence homes lists those that lie outside homes), or set DATABASE_URL if it lies
  on a server of yours
  restore a backup${backupOf(home)}: move this home away, then npx valence restore FILE
  begin with an empty database: ${startOn(home)} --new`,
	);
}

function refuseOtherMajor(home: string, folder: string, { major }: Binaries): void {
	const written = Number.parseInt(readFileSync(join(folder, "data/PG_VERSION"), "utf8"), 10);
	if (written === major) return;
	throw new Error(
		`The database in ${folder} was written by PostgreSQL ${written}; this version of Valence brings PostgreSQL ${major}, which cannot read it.
Nothing has been started or changed. Either
  go back to the version of Valence that brings PostgreSQL ${written}
  or take the data over: with that version npx valence backup FILE, then with this one, into an empty home,
  npx valence restore FILE${backupOf(home)}`,
	);
}

const startOn = (home: string) =>
	home === DEFAULT_HOME ? "npx valence start" : `VALENCE_HOME=${quoted(home)} npx valence start`;

/** The lock of the home may be lost or damaged; whose server it is, the processes still tell. */
function refuseRunning(home: string, folder: string): void {
	const supervisor = supervisorOf(join(folder, "data"));
	if (supervisor === null) return;
	throw new Error(
		`The database of ${home} is in use: process ${supervisor} keeps its server running. Nothing has been started or changed; npx valence stop ends it.`,
	);
}

const backupOf = (home: string) => {
	const last = lastBackup(home);
	return last ? ` (the last backup is ${last.file} of ${last.at})` : "";
};

function refuseForeign(folder: string): void {
	const mine = process.getuid?.();
	if (!mine || !existsSync(folder)) return;
	const { uid } = statSync(folder);
	if (uid === mine) return;
	throw new Error(
		`The database in ${folder} belongs to ${nameOf(uid)}. Start Valence as ${uid === 0 ? "root" : `root or as ${nameOf(uid)}`}, or give it to ${nameOf(mine)}: chown -R ${nameOf(mine)} ${folder}`,
	);
}

const SHUT_DOWN = 1;
/** PostgreSQL's control file begins with the cluster's own number of 8 bytes, two versions of 4, and the state. */
const control = (data: string) => readFileSync(join(data, "global/pg_control"));
const clusterOf = (folder: string) => control(join(folder, "data")).readBigUInt64LE(0);
const stateOf = (data: string) => control(data).readInt32LE(16);

/** Of a home that earlier versions ran, which noted no inode: its server wrote down where its data were. */
function ranElsewhere(data: string): boolean {
	const there = read(join(data, "postmaster.pid"))?.split("\n")[1];
	return there !== undefined && !isSameFolder(there, data) && existsSync(join(there, "PG_VERSION"));
}

/** Files copied from under a running server are of different moments; PostgreSQL would start on them without a word. */
function refuseTornCopy(home: string, folder: string, { inode }: HomeId): void {
	const data = join(folder, "data");
	const isCopy = inode === undefined ? ranElsewhere(data) : statSync(data).ino !== inode;
	if (!isCopy || stateOf(data) === SHUT_DOWN) return;
	throw new Error(
		`The database in ${folder} is a copy that was made while PostgreSQL was running, or after a crash: it may be torn.
Nothing has been started or changed. Either
  stop the first one, copy the home again and start here
  or restore a backup into an empty home: npx valence restore FILE
  or, if nothing ran while it was copied: ${startOn(home)} --trust-copy`,
	);
}

function earlierFolder(home: string): string | null {
	const inHome = earlierId(home);
	for (const { folder, home: path } of outsideDatabases()) {
		const id = read(join(folder, EARLIER_ID.outside))?.split("\n")[0];
		if (!inHome || id !== inHome || !holdsDatabase(folder)) continue;
		if (path && !isSameFolder(path, home) && (earlierId(path) === inHome || peek(path)?.id === inHome))
			throw copyOf(home, path);
		return folder;
	}
	// Before there were ids, the hash of the home's path alone named the folder.
	const name = createHash("sha256").update(home).digest("hex").slice(0, 16);
	const nameless = SHARED_FOLDERS.map((shared) => join(shared, name)).find(
		(folder) => holdsDatabase(folder) && !existsSync(join(folder, EARLIER_ID.outside)),
	);
	return nameless && holdsArtifacts(home) ? nameless : null;
}

/** Who has run a database so far goes on running it; files that root has copied are lent anew. */
function accountOf(found: string | null): Account {
	const stat = found ? statSync(join(found, "data")) : null;
	return stat && stat.uid > 0 ? { name: nameOf(stat.uid), uid: stat.uid, gid: stat.gid } : otherAccount();
}

function lend(folder: string, { uid, gid }: Account): void {
	const wrong = [folder, join(folder, "data"), join(folder, "password")].filter(
		(path) => existsSync(path) && statSync(path).uid !== uid,
	);
	if (wrong.length === 0) return;
	if (wrong.length === 1 && wrong[0] === folder) chownSync(folder, uid, gid);
	else chownAll(folder, uid, gid);
}

function chownAll(path: string, uid: number, gid: number): void {
	lchownSync(path, uid, gid);
	if (lstatSync(path).isDirectory()) for (const name of readdirSync(path)) chownAll(join(path, name), uid, gid);
}
