// When a refresh begins: asked for by a person, or at a tick of its schedule when enough has come since the last one.
import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";
import type { Prisma } from "../generated/prisma/client.js";
import { ApiError } from "../http/errors.js";
import { FINAL_STATES } from "../plugins/jobs.js";
import type { Transaction } from "../plugins/prisma.js";
import { type RefreshSpec, recipeOf } from "./rule.js";

const FIRST_REST_MS = 60_000;
const LONGEST_REST_MS = 24 * 3_600_000;
/** More in a row make the rest no longer. */
const MOST_FAILURES = 12;

interface Rule {
	feedId: number;
	spec: RefreshSpec;
	paused: boolean;
}

export const noRule = () => new ApiError("not_found", "The deployment has no rule of refresh; PUT makes one.");

/** By a person. Throws not_found without a rule, conflict while one is open or, unless forced, while too few interactions are new. */
export async function beginNow(
	app: FastifyInstance,
	tx: Transaction,
	name: string,
	by: string | null,
	force: boolean,
): Promise<string> {
	const rule = await hold(tx, name);
	if (!rule) throw noRule();
	if (await openOf(tx, name))
		throw new ApiError("conflict", "A refresh of the deployment is open; wait, or cancel it.");
	const { minNew } = rule.spec;
	const count = force ? minNew : await newInteractions(tx, name, rule, minNew);
	if (count < minNew) {
		const detail = `${count} interactions are new since the last snapshot, and minNew is ${minNew}; force: true does it all the same.`;
		throw new ApiError("conflict", detail);
	}
	return make(app, tx, name, rule, { trigger: "person", by });
}

/**
 * By the schedule. Makes nothing while one is open, the rule is paused or rests after failures, and no row after row where there is nothing
 * new.
 */
export async function beginAtTick(app: FastifyInstance, name: string): Promise<void> {
	const id = await app.prisma.$transaction(async (tx) => {
		const rule = await hold(tx, name);
		if (!rule || rule.paused || (await openOf(tx, name)) || (await isResting(tx, name, rule))) return null;
		const count = await newInteractions(tx, name, rule, rule.spec.minNew);
		if (count >= rule.spec.minNew) return make(app, tx, name, rule, { trigger: "schedule", by: null });
		await skip(app, tx, name, rule, count);
		return null;
	});
	if (id) await enqueue(app, id);
}

/** The row is the promise: when the queue is away, the reconciler adds it. */
export const enqueue = (app: FastifyInstance, id: string) =>
	app.queue
		.add({ kind: "refresh", id, lease: 0 })
		.catch((err) => app.log.warn({ err, jobId: id }, "waits for the reconciler"));

/** Until the transaction ends nobody else begins a refresh of this deployment. */
async function hold(tx: Transaction, name: string): Promise<Rule | null> {
	const [rule] = await tx.$queryRaw<Rule[]>`
		SELECT feed_id AS "feedId", spec, paused FROM refresh_rules WHERE deployment_name = ${name} FOR UPDATE`;
	return rule ?? null;
}

export const openOf = (tx: Transaction, deploymentName: string) =>
	tx.refresh.findFirst({ where: { deploymentName, job: { state: { notIn: FINAL_STATES } } }, select: { id: true } });

/** After a failure it waits a minute, and twice as long after each further one in a row, up to a day. */
async function isResting(tx: Transaction, deploymentName: string, { spec }: Rule): Promise<boolean> {
	const recipe = recipeOf(spec);
	// On other machines it may go better.
	const machines = (one: unknown) => (one as RefreshSpec).class;
	const latest = await tx.refresh.findMany({
		where: { deploymentName },
		orderBy: [{ createdAt: "desc" }, { id: "desc" }],
		include: { job: true },
		take: MOST_FAILURES,
	});
	const hasFailed = (one: (typeof latest)[number]) =>
		one.job.state === "FAILED" && one.recipe === recipe && machines(one.spec) === machines(spec);
	const first = latest.findIndex((one) => !hasFailed(one));
	const failures = first < 0 ? latest.length : first;
	if (failures === 0) return false;
	const rest = Math.min(FIRST_REST_MS * 2 ** (failures - 1), LONGEST_REST_MS);
	return Date.now() < (latest[0]?.job.finishedAt?.getTime() ?? 0) + rest;
}

/**
 * Rows of the feed since the last snapshot that came to an end with the same rule; one that failed is made again. No more than `most` are
 * counted.
 */
export async function newInteractions(
	tx: Transaction,
	name: string,
	{ feedId, spec }: Rule,
	most: number | null = null,
): Promise<number> {
	const last = await tx.refresh.findFirst({
		where: { deploymentName: name, recipe: recipeOf(spec), outcome: { in: ["switched", "refused"] } },
		orderBy: [{ createdAt: "desc" }, { id: "desc" }],
		select: { upTo: true },
	});
	if (!last?.upTo) return Number((await tx.feed.findUniqueOrThrow({ where: { id: feedId } })).interactions);
	const [row] = await tx.$queryRaw<{ count: bigint }[]>`
		SELECT count(*) AS count FROM (
			SELECT 1 FROM feed_interactions WHERE feed_id = ${feedId} AND seq > ${last.upTo} LIMIT ${most}::bigint) AS new`;
	return Number(row?.count);
}

interface Begun {
	trigger: "schedule" | "person";
	by: string | null;
}
const dataOf = (deploymentName: string, { spec }: Rule) => ({
	deploymentName,
	spec: spec as unknown as Prisma.InputJsonObject,
	recipe: recipeOf(spec),
});

async function make(app: FastifyInstance, tx: Transaction, name: string, rule: Rule, begun: Begun): Promise<string> {
	const id = randomUUID();
	await app.jobs.create(tx, [id], "refresh");
	const count = await newInteractions(tx, name, rule);
	await tx.refresh.create({ data: { id, ...dataOf(name, rule), ...begun, newInteractions: count } });
	return id;
}

async function skip(app: FastifyInstance, tx: Transaction, name: string, rule: Rule, count: number): Promise<void> {
	const last = await tx.refresh.findFirst({
		where: { deploymentName: name },
		orderBy: [{ createdAt: "desc" }, { id: "desc" }],
	});
	const data = dataOf(name, rule);
	if (last?.outcome === "skipped" && last.recipe === data.recipe) {
		await tx.refresh.update({
			where: { id: last.id },
			data: { skips: { increment: 1 }, checkedAt: new Date(), newInteractions: count, spec: data.spec },
		});
		return;
	}
	const id = randomUUID();
	await app.jobs.createDone(tx, id, "refresh");
	await tx.refresh.create({ data: { id, ...data, trigger: "schedule", outcome: "skipped", newInteractions: count } });
}
