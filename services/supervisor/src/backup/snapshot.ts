// One moment of the database as files, and the artifacts that its rows name. While the guard is held none of them is deleted.
import { ARTIFACT_LOCK } from "@valence/api/artifact-lock";
import pg from "pg";
import type { Head, Wanted } from "./archive.js";
import { dump, fixFormats, sequencesOf, tablesOf } from "./tables.js";

/** Deletes under way end within the deadline of their transaction; another backup takes as long as it takes. */
const LOCK_TIMEOUT = "10min";

export interface Guard {
	client: pg.Client;
	/** Throws when the connection was lost meanwhile, and the lock with it. */
	confirm(): Promise<void>;
	release(): Promise<void>;
}

/** Nothing of a user's is deleted from disk until it is released; deletes wait for the sweeper. */
export async function guardArtifacts(url: string, signal: AbortSignal): Promise<Guard> {
	const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000, keepAlive: true });
	let lost: Error | null = null;
	client.on("error", (error) => {
		lost = error;
	});
	const release = () => client.end().catch(() => undefined);
	await client.connect();
	signal.addEventListener("abort", () => void release());
	try {
		await client.query(`SET lock_timeout = '${LOCK_TIMEOUT}'; SET statement_timeout = 0;
			SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'`);
		await client.query("SELECT pg_advisory_lock($1)", [ARTIFACT_LOCK]);
	} catch (error) {
		await release();
		throw error;
	}
	return {
		client,
		async confirm() {
			await client.query("SELECT 1").catch((error: Error) => {
				throw new Error(
					`the connection to the database was lost while artifacts were copied: ${(lost ?? error).message}`,
				);
			});
		},
		release,
	};
}

/** Dumps every table into the folder. */
export async function takeSnapshot(
	client: pg.Client,
	valence: string,
	folder: string,
): Promise<{ head: Head; artifacts: Wanted[] }> {
	await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
	await fixFormats(client);
	const migrations = await migrationsOf(client);
	if (migrations.length === 0) throw new Error("the database holds no Valence: no migration was applied to it");
	const tables: Head["tables"] = [];
	for (const table of await tablesOf(client)) {
		tables.push({ name: table.name, columns: table.columns, rows: await dump(client, table, folder) });
	}
	const rowsOf = (name: string) => tables.find((table) => table.name === name)?.rows ?? 0;
	const head: Head = {
		valence,
		createdAt: new Date().toISOString(),
		migrations,
		tables,
		sequences: await sequencesOf(client),
		counts: {
			datasets: rowsOf("datasets"),
			runs: rowsOf("runs"),
			checkpoints: rowsOf("checkpoints"),
			deployments: rowsOf("deployments"),
		},
	};
	const artifacts = await artifactsOf(client);
	await client.query("COMMIT");
	return { head, artifacts };
}

export async function migrationsOf(client: pg.ClientBase): Promise<{ name: string; checksum: string }[]> {
	const { rows } = await client.query<{ found: string | null }>(
		`SELECT to_regclass('public._prisma_migrations')::text AS found`,
	);
	if (!rows[0]?.found) return [];
	const applied = await client.query<{ name: string; checksum: string }>(
		`SELECT migration_name AS name, checksum FROM public._prisma_migrations
		WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL ORDER BY migration_name`,
	);
	return applied.rows;
}

/**
 * What an import that is over has made is needed; one that is not over needs what was uploaded, and one that failed may be
 * tried again with it as long as it is there.
 */
async function artifactsOf(client: pg.Client): Promise<Wanted[]> {
	// A home of an earlier version has neither.
	const { rows: found } = await client.query<{ hasFeedImports: boolean; hasValues: boolean }>(
		`SELECT to_regclass('public.feed_imports') IS NOT NULL AS "hasFeedImports", EXISTS (SELECT 1 FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name = 'runs' AND column_name = 'values_key') AS "hasValues"`,
	);
	const sent = `UNION ALL SELECT file->>'uploadKey', file->>'sha256', true
			FROM feed_imports JOIN jobs USING (id), jsonb_array_elements(files) AS file WHERE state IN ('QUEUED', 'RUNNING')`;
	const measured = `UNION ALL SELECT values_key, values_sha256, true FROM runs WHERE values_key IS NOT NULL
		UNION ALL SELECT values_key, values_sha256, true FROM evaluations WHERE values_key IS NOT NULL`;
	const { rows } = await client.query<Wanted>(
		`SELECT artifact_key AS key, NULL AS sha256, state = 'SUCCEEDED' AS "isRequired"
			FROM datasets JOIN jobs USING (id) WHERE artifact_key IS NOT NULL
		UNION ALL SELECT key, sha256, true FROM checkpoints
		UNION ALL SELECT file->>'uploadKey', file->>'sha256', state IN ('QUEUED', 'RUNNING')
			FROM datasets JOIN jobs USING (id), jsonb_array_elements(files) AS file WHERE state <> 'SUCCEEDED'
		${found[0]?.hasFeedImports ? sent : ""}
		${found[0]?.hasValues ? measured : ""}
		ORDER BY key`,
	);
	return rows;
}
