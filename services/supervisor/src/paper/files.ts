// The four files of a recipe on a dataset.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { csvOf } from "./csv.js";
import { latexOf } from "./latex.js";
import { markdownOf } from "./markdown.js";
import type { Results } from "./results.js";

const WRITERS = {
	md: markdownOf,
	csv: csvOf,
	tex: latexOf,
	json: (results: Results) => `${JSON.stringify(results, null, 2)}\n`,
};

const stem = (folder: string, recipe: string, dataset: string) => join(folder, `${recipe}-${dataset}`);

export function readResults(folder: string, recipe: string, dataset: string): Results | null {
	try {
		return JSON.parse(readFileSync(`${stem(folder, recipe, dataset)}.json`, "utf8")) as Results;
	} catch {
		return null; // none yet, or not ours to read: it is written anew
	}
}

/** Returns the path without its ending. */
export function writeResults(folder: string, results: Results): string {
	mkdirSync(folder, { recursive: true });
	const path = stem(folder, results.recipe, results.dataset.name);
	for (const [ending, write] of Object.entries(WRITERS)) {
		writeFileSync(`${path}.${ending}.part`, write(results));
		renameSync(`${path}.${ending}.part`, `${path}.${ending}`);
	}
	return path;
}
