// One set-up of a checkout at a time.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { endAll, ROOT } from "./running.mjs";

const LOCK = join(ROOT, ".valence/setup.lock");
const WAIT_MS = 500;
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Two first starts at once must not install into each other. */
export async function locked(tell, work) {
	mkdirSync(dirname(LOCK), { recursive: true });
	// Linked when it is written: a lock is never there without its owner.
	const mine = `${LOCK}.${process.pid}`;
	writeFileSync(mine, String(process.pid));
	for (let told = false; ; ) {
		try {
			linkSync(mine, LOCK);
			break;
		} catch (error) {
			if (error.code !== "EEXIST") throw error;
		}
		const owner = ownerOf(LOCK);
		if (owner > 0 && isAlive(owner)) {
			if (!told) tell(`» Waiting for the set-up of process ${owner} …`);
			told = true;
			await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
		} else takeAway(owner);
	}
	rmSync(mine, { force: true });
	const release = () => rmSync(LOCK, { force: true });
	const leave = () => {
		endAll();
		process.exit(130);
	};
	process.on("exit", release);
	for (const signal of SIGNALS) process.on(signal, leave);
	try {
		await work();
	} finally {
		release();
		process.off("exit", release);
		for (const signal of SIGNALS) process.off(signal, leave);
	}
}

/** A dead owner's lock; of another one, which somebody has set since it was read, the place is given back. */
function takeAway(owner) {
	const dead = `${LOCK}.dead-${process.pid}`;
	try {
		renameSync(LOCK, dead);
		if (ownerOf(dead) !== owner) linkSync(dead, LOCK);
	} catch (error) {
		if (error.code !== "ENOENT" && error.code !== "EEXIST") throw error;
	}
	rmSync(dead, { force: true });
}

function isAlive(pid) {
	try {
		process.kill(pid, 0);
		return true;
	} catch (error) {
		return error.code === "EPERM";
	}
}

/** 0 where nobody is named. */
function ownerOf(lock) {
	try {
		return Number(readFileSync(lock, "utf8"));
	} catch {
		return 0;
	}
}
