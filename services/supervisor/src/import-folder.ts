// A folder of RecBole files becomes a dataset of the service; the sample becomes such a folder.
import { execFile } from "node:child_process";
import { openAsBlob } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Client, Dataset } from "./client.js";
import { PYTHON, TRAINER } from "./paths.js";

const FILE = /\.(?:(train|valid|test)\.)?(inter|item)(?:\.gz)?$/;
const POLL_MS = 250;

export const writeSample = (folder: string) =>
	promisify(execFile)(PYTHON, ["-m", "trainer", "sample", "--out", folder], { cwd: TRAINER });

/** The dataset of a folder of RecBole files, uploaded and imported; the same files find the dataset already there. */
export async function importFolder(api: Client, folder: string): Promise<Dataset> {
	const form = new FormData();
	form.set("name", basename(folder));
	const files = (await readdir(folder)).sort().filter((name) => FILE.test(name));
	if (files.length === 0) throw new Error(`${folder} holds no .inter or .inter.gz file`);
	for (const name of files) {
		const [, part, kind] = FILE.exec(name) ?? [];
		form.append(kind === "item" ? "items" : (part ?? "interactions"), await openAsBlob(join(folder, name)), name);
	}
	let dataset = await api.post<Dataset>("/datasets", form);
	while (["QUEUED", "RUNNING"].includes(dataset.state)) {
		await sleep(POLL_MS);
		dataset = await api.get<Dataset>(`/datasets/${dataset.id}`);
	}
	if (dataset.state !== "SUCCEEDED") {
		const [first] = dataset.problems;
		const place = first ? `\n${first.file}:${first.line}: ${first.message}` : "";
		throw new Error(`the import failed: ${dataset.error?.message}${place}`);
	}
	return dataset;
}
