// Moves a folder so that it is whole in one of the two places at every moment.
import { createHash } from "node:crypto";
import {
	closeSync,
	cpSync,
	existsSync,
	fsyncSync,
	lchownSync,
	lstatSync,
	mkdirSync,
	openSync,
	readdirSync,
	readlinkSync,
	readSync,
	renameSync,
	rmdirSync,
	rmSync,
} from "node:fs";
import { dirname, join } from "node:path";

const CHUNK_BYTES = 1 << 20;

/**
 * Renames `from` to `to`. Between file systems it copies and compares every byte; `isCopied` is then called before the copy
 * gets its name, and `from` stays: whoever calls deletes it once what was moved has proven itself. Throws when
 * something lies at `to` already.
 */
export function moveFolder(from: string, to: string, isCopied: () => void): void {
	mkdirSync(dirname(to), { recursive: true });
	if (existsSync(to)) rmdirSync(to);
	try {
		renameSync(from, to);
	} catch (error) {
		if ((error as NodeJS.ErrnoException).code !== "EXDEV") throw error;
		const half = `${to}.half`;
		copyVerified(from, half);
		isCopied();
		renameSync(half, to);
	}
}

function copyVerified(from: string, half: string): void {
	rmSync(half, { recursive: true, force: true });
	cpSync(from, half, { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
	keepOwners(from, half);
	const [before, after] = [digestOf(from), digestOf(half, true)];
	if (before !== after) {
		rmSync(half, { recursive: true, force: true });
		throw new Error(`the copy of ${from} differs from it; nothing has been changed`);
	}
}

function keepOwners(from: string, to: string): void {
	const { uid, gid } = lstatSync(from);
	if (process.getuid?.() === 0) lchownSync(to, uid, gid);
	if (lstatSync(from).isDirectory()) for (const name of readdirSync(from)) keepOwners(join(from, name), join(to, name));
}

/** sha256 over names, kinds and contents, in order. */
function digestOf(folder: string, isSynced = false): string {
	const hash = createHash("sha256");
	const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
	const visit = (path: string, name: string) => {
		const stat = lstatSync(path);
		if (stat.isSymbolicLink()) hash.update(`link ${name} ${readlinkSync(path)}\n`);
		else if (stat.isDirectory()) {
			hash.update(`folder ${name}\n`);
			for (const each of readdirSync(path).sort()) visit(join(path, each), `${name}/${each}`);
		} else if (stat.isFile()) {
			hash.update(`file ${name} ${stat.size}\n`);
			const file = openSync(path, "r");
			try {
				for (let read = readSync(file, buffer); read > 0; read = readSync(file, buffer))
					hash.update(buffer.subarray(0, read));
				if (isSynced) fsyncSync(file);
			} finally {
				closeSync(file);
			}
		}
	};
	visit(folder, "");
	return hash.digest("hex");
}
