// What every stack of the failure tests begins with, a dataset and a run to compare others with: made once an `npm test` and server,
// copied by each file. Where nobody says where it may lie, as when one file is run, each makes its own.
import { createHash } from "node:crypto";
import { cpSync, existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SERVER, withServerLock } from "./database.js";

/** A folder that outlives the files of a test run, and no code. */
const FOLDER = process.env.VALENCE_TEST_PREPARED;

export interface Prepared {
	/** The name of its database, a template. */
	template: string;
	artifacts: string;
	dataset: string;
	undisturbed: string;
}

/** Null where none is kept. `make` leaves the database under the given name, and the artifacts in the given folder. */
export async function prepared(
	make: (template: string, artifacts: string) => Promise<Pick<Prepared, "dataset" | "undisturbed">>,
): Promise<Prepared | null> {
	if (!FOLDER) return null;
	const key = createHash("sha256").update(`${FOLDER} ${SERVER}`).digest("hex").slice(0, 12);
	const template = `valence_test_prepared_${key}`;
	const [artifacts, ids] = [join(FOLDER, `${key}-artifacts`), join(FOLDER, `${key}.json`)];
	// Whoever comes meanwhile waits for it.
	await withServerLock(async () => {
		if (existsSync(ids)) return;
		const made = await make(template, artifacts);
		writeFileSync(`${ids}.half`, JSON.stringify(made));
		renameSync(`${ids}.half`, ids);
	});
	return { template, artifacts, ...JSON.parse(readFileSync(ids, "utf8")) };
}

export const copyArtifacts = (from: string, to: string): void => cpSync(from, to, { recursive: true });
