// Ends what a start has begun on the home, and waits until it has ended.
import { existsSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ownerOf } from "./home/lock.js";
import { startOf } from "./identity.js";
import { DEFAULT_HOME } from "./paths.js";
import { databaseOf } from "./postgres/place.js";
import { supervisorOf } from "./postgres/server.js";
import { say } from "./terminal.js";

/** Services get 8 s each to end in order, PostgreSQL 20. */
const PATIENCE_MS = 60_000;

/** Who runs on the home. Without a lock (lost, or damaged) the processes still tell. */
function runningOn(home: string): { pid: number; address: string } | null {
	const owner = ownerOf(home);
	if (owner) return owner;
	const folder = databaseOf(realpathSync(home));
	const pid = folder ? supervisorOf(join(folder, "data")) : null;
	return pid === null ? null : { pid, address: "" };
}

export async function stopHome(): Promise<void> {
	const owner = existsSync(DEFAULT_HOME) ? runningOn(DEFAULT_HOME) : null;
	if (!owner) {
		say(
			existsSync(DEFAULT_HOME)
				? `Nothing runs on ${DEFAULT_HOME}.`
				: `There is no home at ${DEFAULT_HOME}, so nothing runs on it.`,
		);
		return;
	}
	const start = startOf(owner.pid);
	process.kill(owner.pid, "SIGTERM");
	const isThere = () => startOf(owner.pid) === start;
	for (const deadline = Date.now() + PATIENCE_MS; isThere() && Date.now() < deadline; await sleep(100));
	if (isThere())
		throw new Error(
			`process ${owner.pid} has not ended within ${PATIENCE_MS / 1000} s; its logs are in ${DEFAULT_HOME}/logs`,
		);
	say(`Stopped${owner.address ? ` what served ${owner.address}` : ""}. The data stays in ${DEFAULT_HOME}.`);
}
