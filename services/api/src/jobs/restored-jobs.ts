// Jobs of a database that was restored from a backup: the workers that owned them belong to where it was made, and so do the
// files of exports.
import type { ClientBase } from "pg";

/**
 * RUNNING → QUEUED with no crash counted, or CANCELLED where that was asked for; what they have committed stays, and the
 * next owner goes on from it. Uses only columns that every version has: a backup may be older than this one.
 */
export async function giveBackRestoredJobs(client: ClientBase): Promise<number> {
	const { rowCount } = await client.query(`
		WITH given AS (
			UPDATE jobs SET state = CASE WHEN cancel_requested_at IS NULL THEN 'QUEUED' ELSE 'CANCELLED' END::"JobState",
				queued_at = CASE WHEN cancel_requested_at IS NULL THEN now() ELSE queued_at END,
				finished_at = CASE WHEN cancel_requested_at IS NOT NULL THEN now() END,
				heartbeat_at = NULL, event_seq = event_seq + 1
			WHERE state = 'RUNNING' RETURNING id, event_seq, state)
		INSERT INTO job_events (job_id, seq, type, data)
		SELECT id, event_seq, 'state', jsonb_build_object('state', state) FROM given`);
	return rowCount ?? 0;
}

/** Backups hold no exported files: those that were finished say that theirs is gone, the others begin anew. */
export async function forgetExportedFiles(client: ClientBase): Promise<void> {
	const { rows } = await client.query<{ exports: string | null }>("SELECT to_regclass('public.exports') AS exports");
	if (!rows[0]?.exports) return;
	await client.query(
		`UPDATE exports SET artifact_key = NULL, users_done = CASE WHEN sha256 IS NULL THEN 0 ELSE users_done END`,
	);
}
