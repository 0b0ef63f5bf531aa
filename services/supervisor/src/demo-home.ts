// The demo's home: made by it and removed by it at its end, unless a person keeps it or starts it as their own.
import { randomUUID } from "node:crypto";
import { existsSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type HomeId, readHomeId, writeHomeId } from "./home/id.js";
import { takeFreeHome } from "./home/lock.js";
import { OUTSIDE } from "./postgres/outside.js";

/** What a start leaves in a home before the home has an id. */
const BEFORE_ID = new Set(["logs", "owner.json"]);

export interface DemoHome {
	home: string;
	readonly isKept: boolean;
	/** From now on it is a person's: nothing removes it any more. */
	keep(): void;
	/** Deletes it, unless it is kept. */
	end(): void;
}

/** The first home at `base`, `base-2`, ... that is free and the demo's own. */
export function takeDemoHome(base: string): DemoHome {
	const { home, release } = takeFreeHome(base, isDemos);
	const known = readHomeId(home);
	const made: HomeId = { id: randomUUID(), path: realpathSync(home), hasDatabase: false, madeBy: "demo" };
	if (!known) writeHomeId(home, made);
	let isKept = false;
	return {
		home,
		get isKept() {
			return isKept;
		},
		keep() {
			isKept = true;
			const { madeBy: _, ...id } = known ?? made;
			writeHomeId(home, id);
		},
		end() {
			if (isKept || readHomeId(home)?.madeBy !== "demo") release();
			else removeHome(home);
		},
	};
}

function isDemos(home: string): boolean {
	if (!existsSync(home)) return true;
	if (existsSync(join(home, "home.json"))) return readHomeId(home)?.madeBy === "demo";
	return readdirSync(home).every((name) => BEFORE_ID.has(name) || name.startsWith("owner.json."));
}

/** Deletes a home with its database, wherever that lies: only for who has made it. */
export function removeHome(home: string): void {
	const id = readHomeId(home)?.id;
	// The home first: a database whose home is gone is listed, a home whose database is gone would refuse to start.
	rmSync(realpathSync(home), { recursive: true, force: true });
	if (id) rmSync(join(OUTSIDE, id), { recursive: true, force: true });
}
