// app.outcomes: what deployments with a feed have answered, so that it can be told whether people took it. Answers are noted in
// memory and written together in the background: nobody who asks waits for that, and what cannot be written is counted and gone.
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import fp from "fastify-plugin";
import { Counter } from "prom-client";
import { Prisma } from "../generated/prisma/client.js";
import { type Given, keyOf, Sample, type Taken } from "../outcomes/sample.js";
import type { Tier } from "../serving/traffic.js";
import type { Deployed } from "./deployments.js";
import type { Transaction } from "./prisma.js";

/** Answers of one writing; of more, a fair share is recorded. */
export const MOST_AT_ONCE = 1_000;
/** Answers of one deletion of what is too old. */
const DELETED_AT_ONCE = 5_000;
const DELETIONS_A_SWEEP = 100;
/** The end of the process waits no longer for what is noted to be written. */
const LONGEST_END_MS = 2_000;
export const KEPT_DAYS = 30;
/** Of the lock of what is written here and what is taken away. */
const LOCK = 7_140_217;
/** 48 bits of chance for this process, then a number: whoever writes to the same database has other ids. */
const PREFIX_BYTES = 6;
const NUMBER_LENGTH = 8;
const BASE = 36;

export interface Outcomes {
	/** The answer's id; null where it is not recorded: outcomes are off, or the deployment has no feed. */
	note(deployed: Deployed | null, user: string | null, tier: Tier, shown: () => number[]): string | null;
	/** Writes what this process has noted. Never throws. */
	flush(): Promise<void>;
	/** In the transaction that erases a person of a feed; returns what `erased` is to be called with after it. */
	erase(tx: Transaction, feed: number, user: string): Promise<number>;
	erased(feed: number, user: string, erasures: number): void;
	/** In the transaction that deletes a feed. */
	forgetFeed(tx: Transaction, feed: number): Promise<void>;
	/** Deletes what is too old, and the oldest of too many. */
	sweep(): Promise<void>;
}

declare module "fastify" {
	interface FastifyInstance {
		outcomes: Outcomes;
	}
}

export default fp(
	async (app) => {
		const { prisma } = app;
		const { on, rows: most } = app.config.outcomes;
		const sample = new Sample(MOST_AT_ONCE);
		const prefix = randomBytes(PREFIX_BYTES).toString("base64url");
		let last = 0;
		/** By feed, how many erasures this process knows of. */
		const known = new Map<number, number>();

		const registers = [app.meters.registry];
		const recorded = new Counter({ name: "valence_answers_recorded_total", help: "Answers recorded.", registers });
		const unrecorded = new Counter({
			name: "valence_answers_unrecorded_total",
			help: "Answers that are not recorded: too many at once, the database away, or of a feed of which somebody was just erased elsewhere.",
			labelNames: ["reason"] as const,
			registers,
		});
		const early = new Counter({
			name: "valence_answers_early_total",
			help: "Recorded answers deleted before their time, because there were more than OUTCOMES_ROWS.",
			registers,
		});

		/** What is noted, but for feeds of which somebody was erased since this process last looked: who, it cannot tell. */
		async function take(tx: Transaction): Promise<Taken & { allowed: Given[] }> {
			await tx.$executeRaw`SELECT pg_advisory_xact_lock_shared(${LOCK})`;
			// After the lock: every erasure has ended, or has not begun.
			const rows = await tx.$queryRaw<{ id: number; erasures: number }[]>`
				SELECT id, erasures::float8 AS erasures FROM feeds`;
			// After the question: whatever is noted later is of after the erasures that it has seen.
			const taken = sample.take();
			const now = new Map(rows.map(({ id, erasures }) => [id, erasures]));
			const allowed = taken.answers.filter(
				({ feed, deployed }) => now.get(feed) === (known.get(feed) ?? deployed.erasures),
			);
			known.clear();
			for (const [feed, erasures] of now) known.set(feed, erasures);
			return { ...taken, allowed };
		}

		async function write(): Promise<void> {
			if (sample.isEmpty) return;
			let taken: Awaited<ReturnType<typeof take>> | undefined;
			try {
				await prisma.$transaction(async (tx) => {
					taken = await take(tx);
					if (taken.allowed.length > 0) await insert(tx, taken.allowed);
					await count(tx, taken.counts, taken.allowed);
				});
			} catch (err) {
				// What was not taken waits for the next writing.
				app.log.warn({ err, lost: taken?.answers.length ?? 0 }, "answers are not recorded");
				if (!taken) return;
				unrecorded.inc({ reason: "database" }, taken.answers.length);
				sample.putBack(taken.counts);
				return;
			}
			if (!taken) return;
			recorded.inc(taken.allowed.length);
			unrecorded.inc({ reason: "erasure" }, taken.answers.length - taken.allowed.length);
			unrecorded.inc({ reason: "rate" }, taken.left);
		}

		let writing: Promise<void> = Promise.resolve();
		/** One at a time: of two, the later would not know of what the earlier has found erased. */
		function flush(): Promise<void> {
			writing = writing.catch(() => undefined).then(write);
			return writing;
		}

		async function deleteOlder(deployment: string, cut: Date): Promise<number> {
			let deleted = 0;
			for (let round = 0; round < DELETIONS_A_SWEEP; round++) {
				const gone = await prisma.$transaction(async (tx) => {
					await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK})`;
					return forget(
						tx,
						Prisma.sql`id = ANY(ARRAY(SELECT id FROM answers
							WHERE deployment_name = ${deployment} AND at < ${cut} ORDER BY at LIMIT ${DELETED_AT_ONCE}))`,
					);
				});
				deleted += gone;
				if (gone < DELETED_AT_ONCE) break;
			}
			return deleted;
		}

		/** Before which moment answers are too many: within an hour it is taken as evenly spread. */
		async function fullSince(): Promise<Date | null> {
			const [row] = await prisma.$queryRaw<{ at: Date }[]>`
				SELECT hour + interval '1 hour' * least(1, (running - ${most}) / recorded)::float8 AS at FROM (
					SELECT hour, sum(recorded) AS recorded, sum(sum(recorded)) OVER (ORDER BY hour DESC) AS running
					FROM answer_hours GROUP BY hour) AS hours
				WHERE running > ${most} AND recorded > 0 ORDER BY hour DESC LIMIT 1`;
			return row?.at ?? null;
		}

		async function sweep(): Promise<void> {
			const tooOld = new Date(Date.now() - KEPT_DAYS * 86_400_000);
			const full = await fullSince();
			const names = await prisma.answerHour.findMany({ distinct: "deploymentName", select: { deploymentName: true } });
			for (const { deploymentName } of names) {
				await deleteOlder(deploymentName, tooOld);
				const deleted = full && full > tooOld ? await deleteOlder(deploymentName, full) : 0;
				if (deleted === 0) continue;
				early.inc(deleted);
				app.log.warn({ deployment: deploymentName, deleted }, "OUTCOMES_ROWS is reached: the oldest answers go early");
			}
			// By its hours the next sweep finds what this one has not come to.
			await prisma.$executeRaw`
				DELETE FROM answer_hours h WHERE hour + interval '1 hour' < ${tooOld} AND NOT EXISTS (
					SELECT 1 FROM answers a WHERE a.deployment_name = h.deployment_name AND a.at < h.hour + interval '1 hour')`;
		}

		// Also where outcomes are off: what was recorded before goes when its time is over.
		const quietly = () => void sweep().catch((err) => app.log.warn({ err }, "old answers stay"));
		const timers = [setInterval(quietly, app.config.timings.outcomesSweep)];
		if (on) timers.push(setInterval(() => void flush(), app.config.timings.outcomesWrite));
		app.addHook("onClose", async () => {
			for (const timer of timers) clearInterval(timer);
			await Promise.race([flush(), sleep(LONGEST_END_MS, undefined, { ref: false })]);
		});

		app.decorate("outcomes", {
			note(deployed, user, tier, shown) {
				if (!on || !deployed?.feed) return null;
				const id = prefix + (last++).toString(BASE).padStart(NUMBER_LENGTH, "0");
				sample.add({ id, deployed, feed: deployed.feed.id, tier, at: Date.now(), user, shown });
				return id;
			},
			flush,
			async erase(tx, feed, user) {
				await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK})`;
				await forget(tx, Prisma.sql`user_id = ${user} AND feed_id = ${feed}`);
				const { erasures } = await tx.feed.update({ where: { id: feed }, data: { erasures: { increment: 1 } } });
				return Number(erasures);
			},
			erased(feed, user, erasures) {
				sample.forget(feed, user);
				const before = known.get(feed) ?? app.deployments.all().find((one) => one.feed?.id === feed)?.erasures;
				if (before === erasures - 1) known.set(feed, erasures);
			},
			async forgetFeed(tx, feed) {
				await tx.$executeRaw`SELECT pg_advisory_xact_lock(${LOCK})`;
				await forget(tx, Prisma.sql`feed_id = ${feed}`);
			},
			sweep,
		} satisfies Outcomes);
	},
	{ name: "outcomes", dependencies: ["prisma", "deployments", "prometheus"] },
);

/** Who was erased and is not in the feed again is not named: an answer to them may have been under way. */
async function insert(tx: Transaction, answers: Given[]): Promise<void> {
	const isForgotten = Prisma.sql`
		EXISTS (SELECT 1 FROM feeds f JOIN feed_erasures e ON e.feed_id = f.id
			WHERE f.id = feed AND e.digest = sha256(f.salt || convert_to(user_id, 'UTF8')))
		AND NOT EXISTS (SELECT 1 FROM feed_users u WHERE u.feed_id = feed AND u.id = user_id)`;
	const column = <T>(of: (given: Given) => T) => answers.map(of);
	await tx.$executeRaw`
		INSERT INTO answers (id, deployment_name, feed_id, checkpoint_id, tier, at, user_id, items)
		SELECT id, name, feed, checkpoint, tier, to_timestamp(at / 1000), CASE WHEN ${isForgotten} THEN NULL ELSE user_id END,
			items::int[] FROM unnest(
			${column(({ id }) => id)}::text[], ${column(({ deployed }) => deployed.name)}::text[], ${column(({ feed }) => feed)}::int[],
			${column(({ deployed }) => deployed.checkpoint.id)}::uuid[], ${column(({ tier }) => tier)}::text[],
			${column(({ at }) => at)}::float8[], ${column(({ user }) => user)}::text[],
			${column(({ shown }) => `{${shown().join(",")}}`)}::text[]
		) AS given (id, name, feed, checkpoint, tier, at, user_id, items)`;
}

async function count(tx: Transaction, counts: Taken["counts"], written: Given[]): Promise<void> {
	const recorded = new Map<string, number>();
	for (const given of written) recorded.set(keyOf(given), (recorded.get(keyOf(given)) ?? 0) + 1);
	const all = [...counts].map(([key, one]) => ({ ...one, recorded: recorded.get(key) ?? 0 }));
	// In one order, so that two who write wait for each other and never in a circle.
	await tx.$executeRaw`
		INSERT INTO answer_hours (deployment_name, checkpoint_id, tier, hour, answered, recorded)
		SELECT name, checkpoint, tier, to_timestamp(hour / 1000), answered, recorded FROM unnest(
			${all.map(({ of }) => of.name)}::text[], ${all.map(({ of }) => of.checkpoint.id)}::uuid[],
			${all.map(({ tier }) => tier)}::text[], ${all.map(({ hour }) => hour)}::float8[],
			${all.map(({ answered }) => answered)}::bigint[], ${all.map((one) => one.recorded)}::bigint[]
		) AS given (name, checkpoint, tier, hour, answered, recorded) ORDER BY 1, 4, 2, 3
		ON CONFLICT (deployment_name, hour, checkpoint_id, tier) DO UPDATE
			SET answered = answer_hours.answered + excluded.answered, recorded = answer_hours.recorded + excluded.recorded`;
}

/** Deletes recorded answers under the lock; how many. */
async function forget(tx: Transaction, which: Prisma.Sql): Promise<number> {
	const [row] = await tx.$queryRaw<{ gone: number }[]>`
		WITH gone AS (
			DELETE FROM answers WHERE ${which}
			RETURNING deployment_name, checkpoint_id, tier, date_trunc('hour', at, 'UTC') AS hour
		), counted AS (
			SELECT deployment_name, checkpoint_id, tier, hour, count(*) AS rows FROM gone GROUP BY 1, 2, 3, 4
		), lessened AS (
			UPDATE answer_hours h SET recorded = recorded - c.rows FROM counted c
			WHERE h.deployment_name = c.deployment_name AND h.hour = c.hour AND h.checkpoint_id = c.checkpoint_id AND h.tier = c.tier
		)
		SELECT coalesce(sum(rows), 0)::float8 AS gone FROM counted`;
	return row?.gone ?? 0;
}
