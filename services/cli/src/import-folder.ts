// A folder of tables becomes a dataset of the service; the sample becomes such a folder.
import { execFile } from "node:child_process";
import { basename } from "node:path";
import { promisify } from "node:util";
import type { Client, Dataset } from "@valence/client";
import { PYTHON, TRAINER } from "@valence/supervisor/paths";
import { filesOf } from "./file-roles.js";
import { settled, untilImported, upload } from "./importing.js";

export const writeSample = (folder: string) =>
	promisify(execFile)(PYTHON, ["-m", "trainer", "sample", "--out", folder], { cwd: TRAINER });

/** The dataset of a folder of tables, uploaded and imported; the same files find the dataset already there. */
export async function importFolder(api: Client, folder: string): Promise<Dataset> {
	const { files, rule } = await settled(api, {}, filesOf([folder]));
	return untilImported(api, await upload(api, { name: basename(folder), rule }, files));
}
