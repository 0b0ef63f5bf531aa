// Making one backup file: snapshot and artifacts into a folder beside FILE, verified there, then given its name.
import {
	closeSync,
	fsyncSync,
	linkSync,
	mkdirSync,
	openSync,
	readdirSync,
	readFileSync,
	renameSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join } from "node:path";
import { startOf } from "../identity.js";
import { quoted, ROOT } from "../paths.js";
import { complain, count, say, size, step } from "../terminal.js";
import { type Manifest, pack } from "./archive.js";
import { openSource, type Place } from "./places.js";
import { guardArtifacts, takeSnapshot } from "./snapshot.js";
import { DONE, followed, INCOMPLETE } from "./telling.js";

const HOST = hostname().replace(/[^A-Za-z0-9]/g, "_");

/** Returns the exit status. */
export async function makeBackup(file: string, signal: AbortSignal): Promise<number> {
	const started = Date.now();
	const source = await openSource();
	const folder = workFolder(file);
	try {
		say(`Backing up ${source.description}`);
		removeEarlier(file);
		mkdirSync(join(folder, "tables"), { recursive: true, mode: 0o700 });
		const archive = join(folder, "archive");
		const manifest = await write(source, archive, folder, signal);
		signal.throwIfAborted();
		giveName(archive, file);
		if (source.home) noteIn(source.home, file, manifest.createdAt);
		tell(file, manifest, (Date.now() - started) / 1000);
		return manifest.missing.length > 0 ? INCOMPLETE : DONE;
	} finally {
		rmSync(folder, { recursive: true, force: true });
		await source.close();
	}
}

async function write(source: Place, archive: string, folder: string, signal: AbortSignal): Promise<Manifest> {
	const tables = join(folder, "tables");
	const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
	const guard = await step("Wait until no artifact is being deleted", () => guardArtifacts(source.url, signal));
	try {
		const given = await step("Dump the database", () => takeSnapshot(guard.client, version, tables));
		const name = `Pack ${count(given.artifacts.length, "artifact")} and verify what was written`;
		const { store } = source;
		const artifacts = store === null ? source.artifacts : join(folder, "copies");
		const manifest = await followed(name, signal, (following) =>
			pack(archive, given, { artifacts, store, tables }, following),
		);
		await guard.confirm();
		return manifest;
	} finally {
		await guard.release();
	}
}

/** It says whose it is, so that the next backup to the same name removes what a killed one left. */
const prefixOf = (file: string) => `.${basename(file)}.unfinished-${HOST}-`;
const workFolder = (file: string) =>
	join(dirname(file), `${prefixOf(file)}${process.pid}-${startOf(process.pid) ?? ""}`);

function removeEarlier(file: string): void {
	const prefix = prefixOf(file);
	for (const name of readdirSync(dirname(file))) {
		if (!name.startsWith(prefix)) continue;
		const [pid, start] = name.slice(prefix.length).split("-");
		if (startOf(Number(pid)) !== start) rmSync(join(dirname(file), name), { recursive: true, force: true });
	}
}

/** Never replaces a file: a name that appeared meanwhile is somebody else's. */
function giveName(archive: string, file: string): void {
	try {
		linkSync(archive, file);
	} catch (error) {
		const { code } = error as NodeJS.ErrnoException;
		if (code === "EEXIST") throw new Error(`${file} has appeared meanwhile; a backup never replaces a file`);
		if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(code ?? "")) throw error;
		// A file system without hard links: the name is taken first, then given.
		writeFileSync(file, "", { flag: "wx" });
		renameSync(archive, file);
	}
	const folder = openSync(dirname(file), "r");
	fsyncSync(folder);
	closeSync(folder);
}

/** For messages of the supervisor that name the last backup. The file is there, whether or not this can be written. */
function noteIn(home: string, file: string, at: string): void {
	const temporary = join(home, `last-backup.json.${process.pid}`);
	try {
		writeFileSync(temporary, `${JSON.stringify({ file, at })}\n`);
		renameSync(temporary, join(home, "last-backup.json"));
	} catch (error) {
		say(`  not noted in ${home}: ${(error as Error).message}`);
	}
}

function tell(file: string, { counts, tables, missing }: Manifest, seconds: number): void {
	const rows = tables.reduce((sum, table) => sum + table.rows, 0);
	say(`
  ${file}
  ${size(statSync(file).size)} in ${seconds.toFixed(1)} s, verified: ${count(counts.datasets, "dataset")}, ${count(counts.runs, "run")}, ${count(counts.checkpoints, "checkpoint")}, ${count(rows, "row")} in all
  restore it with: npx valence restore ${quoted(file)}`);
	if (missing.length === 0) return;
	const lines = missing.map(({ key, problem }) => `  ${key}: ${problem}`);
	complain(
		`\n${count(missing.length, "artifact")} that the database names could not be backed up:\n${lines.join("\n")}`,
	);
}
