// The disk that the artifacts lie on: full, not to be written, slow.
import { spawnSync } from "node:child_process";
import { chmodSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRoot } from "../../../services/supervisor/src/postgres/account.js";
import type { Battlefield } from "../battlefield.js";
import type { Faults } from "../fault.js";

const does = (command: string, ...given: string[]) => spawnSync(command, given, { stdio: "ignore" }).status === 0;

/** A process and all it has started. */
function family(pid: number): number[] {
	try {
		const children = readdirSync(`/proc/${pid}/task`)
			.map((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8"))
			.flatMap((text) => text.trim().split(" ").filter(Boolean).map(Number));
		return [pid, ...children.flatMap(family)];
	} catch {
		return []; // it has ended meanwhile
	}
}

/** No file may grow any more: the errors are those of a quota, and no disk need be filled. */
function limitFiles(field: Battlefield, limit: string): boolean {
	const pid = field.pidOf("trainer");
	const pids = pid ? family(pid) : [];
	return pids.map((each) => does("prlimit", `--pid=${each}`, `--fsize=${limit}:unlimited`)).some(Boolean);
}

/** Root passes by the permissions of a folder; for it the folder becomes a mount of its own. */
function setWritable({ artifacts }: Battlefield, isWritable: boolean): boolean {
	if (!isRoot()) {
		const inside = readdirSync(artifacts, { recursive: true, withFileTypes: true });
		const folders = inside.filter((each) => each.isDirectory()).map((each) => join(each.parentPath, each.name));
		for (const folder of [artifacts, ...folders]) chmodSync(folder, isWritable ? 0o755 : 0o555);
		return true;
	}
	if (isWritable) return does("umount", "--lazy", artifacts);
	return (
		does("mount", "--bind", artifacts, artifacts) &&
		(does("mount", "-o", "remount,bind,ro", artifacts) || !does("umount", "--lazy", artifacts))
	);
}

export const storage: Faults = {
	"disk-full": {
		strike: (field) => (limitFiles(field, "0") ? () => limitFiles(field, "unlimited") : null),
	},
	"artifacts-read-only": {
		strike: (field) => (setWritable(field, false) ? () => setWritable(field, true) : null),
	},
	/** Each sync takes seconds. */
	"disk-slow": {
		strike(field) {
			field.set("disk-slow", true);
			return () => field.set("disk-slow", false);
		},
	},
};
