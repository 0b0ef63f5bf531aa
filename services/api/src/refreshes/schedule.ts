// Schedules in the queue as the rules in the database want them: PostgreSQL owns the truth, and the queue may forget.
import type { FastifyInstance } from "fastify";
import { FINAL_STATES } from "../plugins/jobs.js";
import type { Transaction } from "../plugins/prisma.js";
import type { Schedule, Scheduled } from "../plugins/queue.js";
import { beginAtTick } from "./beginning.js";
import { cancelJobs } from "./ending.js";
import { firingAfter, millisecondsOf, type RefreshSpec } from "./rule.js";

/** A tick that should have been so long ago is lost. */
const LOST_AFTER_MS = 60_000;

/** Puts right what differs. Throws when the queue or the database is away; whoever calls it does so again. */
export async function keepSchedules(app: FastifyInstance): Promise<void> {
	// First what there is: a rule that is made meanwhile is then not taken for one that has gone.
	const known = new Map((await app.queue.schedules()).map((one) => [one.id, one]));
	const rules = await app.prisma.refreshRule.findMany({ where: { paused: false } });
	for (const { deploymentName, spec, updatedAt } of rules) {
		const wanted = ticksOf(deploymentName, spec as RefreshSpec);
		const have = known.get(deploymentName);
		known.delete(deploymentName);
		if (have && isSame(have, wanted)) continue;
		const since = await lastLook(app, deploymentName, updatedAt);
		// Before the schedule begins anew, which forgets a firing that nobody has heard.
		if (hasFiredSince(since, wanted) && !(await ticked(app, deploymentName))) continue;
		// One interval after the last, also when the queue has forgotten it; after a long absence at once.
		await app.queue.schedule({ ...wanted, from: new Date(Math.max(since + (wanted.every ?? 0), Date.now())) });
	}
	for (const id of known.keys()) await app.queue.unschedule(id);
}

/** After a change. Never throws: the worker looks now and then. */
export const keepSchedulesQuietly = (app: FastifyInstance) =>
	keepSchedules(app).catch((err) => app.log.warn({ err }, "schedules wait for the worker"));

const ticksOf = (id: string, { every, cron, timezone }: RefreshSpec): Omit<Schedule, "from"> => ({
	id,
	...(every !== undefined && { every: millisecondsOf(every) }),
	...(cron !== undefined && { cron, timezone }),
});

function isSame({ next, every, cron, timezone }: Scheduled, wanted: Schedule): boolean {
	if (next === null || next.getTime() < Date.now() - LOST_AFTER_MS) return false;
	return every === wanted.every && cron === wanted.cron && timezone === wanted.timezone;
}

const hasFiredSince = (since: number, { cron, timezone = "UTC" }: Schedule) =>
	cron !== undefined && firingAfter(since, cron, timezone) <= Date.now();

/** False: it is tried again with the next look, and the other rules do not wait for it. */
const ticked = (app: FastifyInstance, deploymentName: string) =>
	beginAtTick(app, deploymentName).then(
		() => true,
		(err) => {
			app.log.warn({ err }, "a missed refresh waits for the next look");
			return false;
		},
	);

/** When a refresh was last begun or skipped, or the rule changed. */
async function lastLook(app: FastifyInstance, deploymentName: string, ruleChanged: Date): Promise<number> {
	const last = await app.prisma.refresh.findFirst({
		where: { deploymentName },
		orderBy: [{ createdAt: "desc" }, { id: "desc" }],
		select: { checkedAt: true },
	});
	return Math.max(ruleChanged.getTime(), last?.checkedAt.getTime() ?? 0);
}

/** In the transaction that removes a rule; its schedule ends with the next look. */
export async function dropRule(tx: Transaction, deploymentName: string): Promise<boolean> {
	return (await tx.refreshRule.deleteMany({ where: { deploymentName } })).count > 0;
}

/**
 * In the transaction that removes a deployment, before it is touched: rule, job, deployment is the order in which a refresh takes them.
 * What is under way would otherwise find nothing deployed, and deploy.
 */
export async function stopRefreshing(app: FastifyInstance, tx: Transaction, deploymentName: string): Promise<void> {
	await dropRule(tx, deploymentName);
	const job = { state: { notIn: FINAL_STATES } };
	for (const { id } of await tx.refresh.findMany({ where: { deploymentName, job }, select: { id: true } }))
		await app.jobs.requestCancel(id, tx);
}

/** After that; what it does not reach is left to the worker. */
export async function clearSchedule(app: FastifyInstance): Promise<void> {
	await cancelJobs(app).catch((err) => app.log.warn({ err }, "jobs of ended refreshes wait for the worker"));
	await keepSchedulesQuietly(app);
}
