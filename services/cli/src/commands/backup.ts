// valence backup and valence restore: database and artifacts as one verified file.
import { statSync } from "node:fs";
import { dirname } from "node:path";
import type { Argv } from "yargs";
import { pathOf } from "../arguments.js";
import { Failure } from "../failure.js";

export const backup = (line: Argv) =>
	line.command(
		"backup <file>",
		"Write database, datasets and checkpoints into one file, whether the service runs or not",
		(yargs) =>
			yargs
				.positional("file", { type: "string", demandOption: true, describe: "It must not be there" })
				.example("$0 backup valence.tar", "written, then read back")
				.epilogue(
					"Of .valence, or of the home that VALENCE_HOME names; with DATABASE_URL of that database, and of the artifacts that VALENCE_ARTIFACTS names. Ends with 3 where it is done, but artifacts were missing or damaged before, which it names.",
				),
		async ({ file }) => {
			const path = inFolder(file);
			if (statSync(path, { throwIfNoEntry: false }))
				throw new Failure(`${path} is there already; a backup never replaces a file`);
			const { makeBackup } = await import("@valence/supervisor/backup/making");
			return untilDone((signal) => makeBackup(path, signal));
		},
	);

export const restore = (line: Argv) =>
	line.command(
		"restore <file>",
		"Bring a backup into an empty home, or an empty database and artifacts folder",
		(yargs) =>
			yargs
				.positional("file", { type: "string", demandOption: true, describe: "What valence backup wrote" })
				.example("$0 restore valence.tar", "verified first; nothing is restored by halves")
				.epilogue(
					"Into .valence, or into the home that VALENCE_HOME names, which must be empty; with DATABASE_URL into that database, and into the folder that VALENCE_ARTIFACTS names, both empty. Killed in the middle it is simply run again.",
				),
		async ({ file }) => {
			const path = inFolder(file);
			if (!statSync(path, { throwIfNoEntry: false })?.isFile()) throw new Failure(`${path} is no file`);
			const { restoreBackup } = await import("@valence/supervisor/backup/restoring");
			return untilDone((signal) => restoreBackup(path, signal));
		},
	);

/** Ends the process with the status of the work. */
async function untilDone(work: (signal: AbortSignal) => Promise<number>): Promise<never> {
	const { runCommand } = await import("@valence/supervisor/backup/telling");
	return runCommand(work);
}

function inFolder(file: string): string {
	const path = pathOf(file);
	if (!statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory())
		throw new Failure(`${dirname(path)} is no folder`);
	return path;
}
