// The queue's server of one test file, which may lose everything it has: nobody else's data is lost.
import { Redis } from "ioredis";
import pg from "pg";
import { freePort } from "../../services/supervisor/src/ports.js";
import { Process, until } from "./processes.js";
import type { Stack } from "./stack.js";

export const isOnRedis = Boolean(process.env.VALENCE_TEST_REDIS);

/** A Redis that keeps nothing on disk. */
export async function startRedis() {
	const port = await freePort();
	const url = `redis://127.0.0.1:${port}`;
	const given = ["--port", String(port), "--save", "", "--appendonly", "no"];
	const client = new Redis(url, { retryStrategy: () => 50 }).on("error", () => undefined);
	const start = () => new Process("redis", "redis-server", given, {}, ".");
	const answers = () => until("Redis answers", () => client.ping().catch(() => ""));
	let server = start();
	await answers();
	return {
		url,
		empty: () => client.flushall(),
		keys: () => client.dbsize(),
		/** Comes back empty. */
		async restart() {
			await server.end("SIGKILL");
			server = start();
			await answers();
		},
		async stop() {
			client.disconnect();
			await server.end();
		},
	};
}

/** Empties every table of the PostgreSQL queue but those that tell its version. */
export async function truncateQueue({ app: { config } }: { app: Pick<Stack["app"], "config"> }): Promise<void> {
	const client = new pg.Client({ connectionString: config.databaseUrl });
	await client.connect();
	const schema = `${config.queuePrefix}_queue`;
	const { rows } = await client.query("SELECT tablename FROM pg_tables WHERE schemaname = $1", [schema]);
	const tables = rows.map(({ tablename }) => tablename).filter((name) => !/migration/.test(name));
	await client.query(`TRUNCATE ${tables.map((name) => `"${schema}"."${name}"`).join(", ")} CASCADE`);
	await client.end();
}
