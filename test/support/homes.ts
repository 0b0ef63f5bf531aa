// Homes that a test has made go with their databases, wherever those lie; and what a crash does to one.
import { rmSync } from "node:fs";
import { join, sep } from "node:path";
import pg from "pg";
import type { EmbeddedPostgres } from "../../services/supervisor/src/postgres/embedded.js";
import { outsideDatabases } from "../../services/supervisor/src/postgres/outside.js";
import { databaseOf } from "../../services/supervisor/src/postgres/place.js";
import { serverOn } from "../../services/supervisor/src/postgres/server.js";
import { until } from "./processes.js";

/** Removes the folder and the databases of every home that ever ran in it. */
export function removeHomesIn(folder: string): void {
	rmSync(folder, { recursive: true, force: true });
	for (const { home, folder: database } of outsideDatabases())
		if (home === folder || home?.startsWith(folder + sep)) rmSync(database, { recursive: true, force: true });
}

export const serverOf = (home: string): number => serverOn(join(databaseOf(home) ?? "", "data"))?.pid ?? 0;

export async function answers({ url }: EmbeddedPostgres): Promise<boolean> {
	const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
	client.on("error", () => undefined);
	return client.connect().then(
		() => client.end().then(() => true),
		() => client.end().then(() => false),
	);
}

/** Stops the server hard, as a crash would, and waits until its supervisor has it up again. */
export async function crash(home: string, postgres: EmbeddedPostgres): Promise<void> {
	const pid = serverOf(home);
	process.kill(pid, "SIGQUIT");
	await until("it answers again", async () => ![0, pid].includes(serverOf(home)) && (await answers(postgres)), 30);
}
