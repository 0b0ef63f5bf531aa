// A folder of RecBole files becomes a dataset of the service; the sample becomes such a folder.
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import type { Client, Dataset } from "@valence/client";
import { PYTHON, TRAINER } from "@valence/supervisor/paths";
import { roleOf } from "./file-roles.js";
import { formOf, untilImported } from "./importing.js";

const FILE = /\.(inter|item)(?:\.gz)?$/;

export const writeSample = (folder: string) =>
	promisify(execFile)(PYTHON, ["-m", "trainer", "sample", "--out", folder], { cwd: TRAINER });

/** Names of a folder's RecBole files. Throws when there are none. */
export async function filesOf(folder: string): Promise<string[]> {
	const names = await readdir(folder).catch((error: Error) => {
		throw new Error(`${folder} cannot be read: ${error.message}`);
	});
	const files = names.sort().filter((name) => FILE.test(name));
	if (files.length === 0) throw new Error(`${folder} holds no .inter or .inter.gz file`);
	return files;
}

/** The dataset of a folder of RecBole files, uploaded and imported; the same files find the dataset already there. */
export async function importFolder(api: Client, folder: string): Promise<Dataset> {
	const files = (await filesOf(folder)).map((name) => ({ path: join(folder, name), role: roleOf(name) }));
	return untilImported(
		api,
		await api.post("/datasets", { body: await formOf({ name: basename(folder), rule: {} }, files) }),
	);
}
