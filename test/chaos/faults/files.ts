// Files that are not what was written: a bit is another, the end is missing, all of it is. They are put back, since nothing can
// bring back what a disk has lost; until then everything that reads one must notice.
import { existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Battlefield } from "../battlefield.js";
import type { Faults, Mend } from "../fault.js";
import { one, signal } from "./processes.js";

function damage({ artifacts, children }: Battlefield, pick: number, how: (file: string) => void): Mend | null {
	const found = readdirSync(artifacts, { recursive: true, encoding: "utf8" });
	const name = one(found.filter((path) => /^(runs|datasets)\/(?!.*\.tmp-).+\.\w+$/.test(path)).sort(), pick);
	if (!name) return null;
	const file = join(artifacts, name);
	let whole: Buffer;
	try {
		whole = readFileSync(file);
		if (whole.length === 0) return null;
		how(file);
	} catch {
		return null; // a folder, or it has gone meanwhile
	}
	for (const pid of children()) signal(pid, "SIGKILL"); // so that it is read again
	return () => {
		if (existsSync(dirname(file))) writeFileSync(file, whole);
	};
}

export const files: Faults = {
	"file-flipped": {
		strike: (field, pick) =>
			damage(field, pick, (file) => {
				const bytes = readFileSync(file);
				const place = Math.floor(pick * 7919 * bytes.length) % bytes.length;
				bytes[place] = (bytes[place] as number) ^ (1 << Math.floor(pick * 8));
				writeFileSync(file, bytes);
			}),
	},
	"file-cut": {
		strike: (field, pick) =>
			damage(field, pick, (file) => truncateSync(file, Math.floor(pick * readFileSync(file).length))),
	},
	"file-missing": { strike: (field, pick) => damage(field, pick, (file) => rmSync(file)) },
};
