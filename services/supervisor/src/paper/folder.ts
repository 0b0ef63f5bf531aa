// From the name of a dataset to the folder that holds its files.
import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { writeSample } from "../import-folder.js";
import { SHARED_DATA } from "../paths.js";

/** The built-in sample, made in `home` when it is wanted. */
const SAMPLE = "sample";

export function findFolder(name: string, data: string | null, home: string): string {
	const place = data ?? SHARED_DATA;
	const folder = join(place, name);
	if (existsSync(folder) && statSync(folder).isDirectory()) return folder;
	if (name === SAMPLE) return join(home, SAMPLE);
	if (!existsSync(place)) {
		const missing = data ? `${place} does not exist` : "there is no folder of datasets beside this checkout";
		throw new Error(
			`${missing}: give one with --data DIR, where DIR/${name} holds ${name}.train.inter, .valid.inter and .test.inter (plain or .gz), or take --dataset sample`,
		);
	}
	const there = readdirSync(place, { withFileTypes: true }).filter((entry) => entry.isDirectory());
	throw new Error(`${place} has no ${name}; it has ${[...there.map((entry) => entry.name), SAMPLE].join(", ")}`);
}

export async function fillFolder(folder: string): Promise<void> {
	if (!existsSync(folder)) await writeSample(folder);
}
