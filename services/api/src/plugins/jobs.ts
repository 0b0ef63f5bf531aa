// app.jobs: the life of a job, and the only place that changes jobs.state (but for restored-jobs.ts, when nobody works).
// QUEUED → RUNNING → SUCCEEDED | FAILED | CANCELLED, QUEUED → CANCELLED; RUNNING → QUEUED when its owner gives it back.
// Final states stay, but for imports: one whose files on disk are lost goes back to QUEUED when they are uploaded again, and
// one that failed or was cancelled when it is asked for with another rule.
import fp from "fastify-plugin";
import { type JobKind, type JobState, Prisma, type PrismaClient } from "../generated/prisma/client.js";
import type { Transaction } from "./prisma.js";

/** A worker's right to speak for a job: every write carries the lease. */
export interface Claim {
	id: string;
	kind: JobKind;
	lease: number;
	machineClass: string | null;
}

/** The claim is no longer ours; whoever sees this stops without another write. */
export class LeaseLost extends Error {}

export const FINAL_STATES: JobState[] = ["SUCCEEDED", "FAILED", "CANCELLED"];
export const isFinal = (state: JobState) => FINAL_STATES.includes(state);

/** Times an owner may vanish at one place before the job is given up: the third crash there is no accident. */
export const CRASH_BUDGET = 3;
export const EVENT_CHANNEL = "job_events";

export interface Failure {
	code: string;
	message: string;
}

/** A job after its owner has given it back, or was found to be lost. */
export interface Released {
	id: string;
	kind: JobKind;
	lease: number;
	machineClass: string | null;
	state: JobState;
	/** Crashes since it last got further, this one included. */
	crashesInPlace: number;
}

type Outcome = "SUCCEEDED" | "FAILED" | "CANCELLED";
const owned = (claim: Claim) => Prisma.sql`id = ${claim.id}::uuid AND lease = ${claim.lease} AND state = 'RUNNING'`;

export type Jobs = ReturnType<typeof createJobs>;
declare module "fastify" {
	interface FastifyInstance {
		jobs: Jobs;
	}
}

/** Adds what watchers see. The row lock makes the sequence of one job gap-free in commit order. */
export async function appendEvent(tx: Transaction, id: string, type: string, data: object): Promise<void> {
	await tx.$executeRaw`
		WITH next AS (UPDATE jobs SET event_seq = event_seq + 1 WHERE id = ${id}::uuid RETURNING event_seq)
		INSERT INTO job_events (job_id, seq, type, data) SELECT ${id}::uuid, event_seq, ${type}, ${JSON.stringify(data)}::jsonb FROM next`;
	await tx.$executeRaw`SELECT pg_notify(${EVENT_CHANNEL}, ${id})`;
}

/** A transaction of the job's owner: holds the job's row while it writes. Throws LeaseLost when it has another owner. */
export function guarded<T>(
	app: { prisma: PrismaClient },
	claim: Claim,
	write: (tx: Transaction) => Promise<T>,
): Promise<T> {
	return app.prisma.$transaction(async (tx) => {
		await guard(tx, claim);
		return write(tx);
	});
}

/** The same inside a transaction of somebody else: until it ends the job is its owner's. Throws LeaseLost. */
export async function guard(tx: Transaction, claim: Claim): Promise<void> {
	const rows = await tx.$queryRaw<unknown[]>`SELECT 1 FROM jobs WHERE ${owned(claim)} FOR UPDATE`;
	if (rows.length === 0) throw new LeaseLost();
}

function createJobs(prisma: PrismaClient) {
	const changed = (tx: Transaction, id: string, state: JobState, error?: Failure) =>
		appendEvent(tx, id, "state", error ? { state, error } : { state });

	async function end(tx: Transaction, claim: Claim, state: Outcome, error?: Failure): Promise<void> {
		const rows = await tx.$executeRaw`
			UPDATE jobs SET state = ${state}::"JobState", finished_at = now(), error_code = ${error?.code ?? null},
				error_message = ${error?.message ?? null} WHERE ${owned(claim)}`;
		if (rows === 0) throw new LeaseLost();
		await changed(tx, claim.id, state, error);
	}

	/** RUNNING → QUEUED; a crash is counted, and one past the budget fails the job; a cancel that was asked for is done. */
	async function handBack(which: Prisma.Sql, crash?: Failure): Promise<Released[]> {
		const counted = crash ? 1 : 0;
		return prisma.$transaction(async (tx) => {
			const jobs = await tx.$queryRaw<Released[]>`
				WITH given AS (
					SELECT id, CASE WHEN cancel_requested_at IS NOT NULL THEN 'CANCELLED'
						WHEN ${counted} = 1 AND crashes_in_place + 1 >= ${CRASH_BUDGET} THEN 'FAILED' ELSE 'QUEUED' END AS next
					FROM jobs WHERE ${which})
				UPDATE jobs SET state = next::"JobState", crashes = crashes + ${counted},
					crashes_in_place = crashes_in_place + ${counted}, heartbeat_at = NULL,
					queued_at = CASE WHEN next = 'QUEUED' THEN now() ELSE queued_at END,
					finished_at = CASE WHEN next <> 'QUEUED' THEN now() END,
					error_code = CASE WHEN next = 'FAILED' THEN ${crash?.code ?? null} END,
					error_message = CASE WHEN next = 'FAILED' THEN ${crash?.message ?? null} END
				FROM given WHERE jobs.id = given.id RETURNING jobs.id, kind, lease, machine_class AS "machineClass", state, crashes_in_place AS "crashesInPlace"`;
			for (const { id, state } of jobs) await changed(tx, id, state, state === "CANCELLED" ? undefined : crash);
			return jobs;
		});
	}

	return {
		/** Inside the transaction that inserts the row which the job belongs to. Of no class: any machine may take it. */
		async create(tx: Transaction, ids: string[], kind: JobKind, machineClass: string | null = null): Promise<void> {
			await tx.job.createMany({ data: ids.map((id) => ({ id, kind, machineClass, eventSeq: 1 })) });
			await tx.jobEvent.createMany({
				data: ids.map((id) => ({ jobId: id, seq: 1, type: "state", data: { state: "QUEUED" } })),
			});
		},

		/** The same for one that there is nothing to do for. */
		async createDone(tx: Transaction, id: string, kind: JobKind): Promise<void> {
			const now = new Date();
			await tx.job.create({ data: { id, kind, state: "SUCCEEDED", eventSeq: 1, startedAt: now, finishedAt: now } });
			await tx.jobEvent.create({ data: { jobId: id, seq: 1, type: "state", data: { state: "SUCCEEDED" } } });
		},

		/**
		 * For a machine. Null when the job is not QUEUED any more, a duplicate delivery, or is for machines of another class: an earlier
		 * version queues it for all, and the reconciler where it belongs.
		 */
		async claim(id: string, machine: { name: string; class: string | null }): Promise<Claim | null> {
			return prisma.$transaction(async (tx) => {
				const [claim] = await tx.$queryRaw<Claim[]>`
					UPDATE jobs SET state = 'RUNNING', lease = lease + 1, machine = ${machine.name}, started_at = coalesce(started_at, now()), heartbeat_at = now()
					WHERE id = ${id}::uuid AND state = 'QUEUED' AND cancel_requested_at IS NULL
						AND (machine_class IS NULL OR machine_class = ${machine.class})
					RETURNING id, kind, lease, machine_class AS "machineClass"`;
				if (claim) await changed(tx, id, "RUNNING");
				return claim ?? null;
			});
		},

		/** Renews the lease and learns of a cancel request in one statement. */
		async heartbeat(claim: Claim): Promise<"continue" | "cancel" | "lost"> {
			const [row] = await prisma.$queryRaw<{ cancel: boolean }[]>`
				UPDATE jobs SET heartbeat_at = now() WHERE ${owned(claim)} RETURNING cancel_requested_at IS NOT NULL AS cancel`;
			return row ? (row.cancel ? "cancel" : "continue") : "lost";
		},

		end,

		/** Inside the owner's transaction that stores what no attempt had reached before: the crash budget begins anew. */
		async gotFurther(tx: Transaction, claim: Claim): Promise<void> {
			await tx.job.update({ where: { id: claim.id }, data: { crashesInPlace: 0 } });
		},

		/**
		 * A final import → QUEUED, because its dataset must be made again. Returns the lease under which it is queued; null
		 * when it is no longer as `seen`: somebody else has reopened or deleted it.
		 */
		async reopen(tx: Transaction, seen: { id: string; lease: number }): Promise<number | null> {
			const [job] = await tx.$queryRaw<{ lease: number }[]>`
				UPDATE jobs SET state = 'QUEUED', crashes = 0, crashes_in_place = 0, cancel_requested_at = NULL, queued_at = now(), started_at = NULL,
					heartbeat_at = NULL, finished_at = NULL, error_code = NULL, error_message = NULL
				WHERE id = ${seen.id}::uuid AND lease = ${seen.lease} AND kind = 'import'
					AND state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')
				RETURNING lease`;
			if (job) await changed(tx, seen.id, "QUEUED");
			return job?.lease ?? null;
		},

		/** Gives a job back: it is QUEUED again, CANCELLED when that was asked for, FAILED past the budget. */
		async release(claim: Claim, crash?: Failure): Promise<Released> {
			const [job] = await handBack(Prisma.sql`${owned(claim)} FOR UPDATE`, crash);
			if (!job) throw new LeaseLost();
			return job;
		},

		/** QUEUED jobs end at once; RUNNING ones at their owner's next heartbeat. False when the job is final already. */
		async requestCancel(id: string, within?: Transaction): Promise<boolean> {
			const cancel = async (tx: Transaction) => {
				const [job] = await tx.$queryRaw<{ state: JobState }[]>`
					UPDATE jobs SET cancel_requested_at = coalesce(cancel_requested_at, now()),
						state = CASE state WHEN 'QUEUED' THEN 'CANCELLED' ELSE state END,
						finished_at = CASE state WHEN 'QUEUED' THEN now() END
					WHERE id = ${id}::uuid AND state IN ('QUEUED', 'RUNNING') RETURNING state`;
				if (job?.state === "CANCELLED") await changed(tx, id, "CANCELLED");
				return job !== undefined;
			};
			return within ? cancel(within) : prisma.$transaction(cancel);
		},

		/** Gives back the jobs whose owner has not been heard of for `expiry` ms. */
		async reap(expiry: number): Promise<Released[]> {
			const stale = Prisma.sql`state = 'RUNNING' AND heartbeat_at < now() - ${expiry}::float8 * interval '1 millisecond'`;
			const error = { code: "worker_lost", message: "the worker was not heard of any more" };
			return handBack(Prisma.sql`${stale} FOR UPDATE SKIP LOCKED`, error);
		},
	};
}

export default fp(
	async (app) => {
		app.decorate("jobs", createJobs(app.prisma));
	},
	{ name: "jobs", dependencies: ["prisma"] },
);
