// Renews a deployment: snapshot, train, compare, refit, switch. Each step is done by jobs of its own, which this one waits for; its row
// says which is next, so that any worker goes on where another stood.
import type { FastifyInstance } from "fastify";
import fp from "fastify-plugin";
import { evaluate } from "../experiments/evaluation.js";
import { launch } from "../experiments/launch.js";
import { PROTOCOL } from "../experiments/protocol.js";
import { refit } from "../experiments/refit.js";
import { takeSnapshot } from "../feeds/snapshot.js";
import type { Prisma, Refresh } from "../generated/prisma/client.js";
import { RemoteError } from "../grpc.js";
import { ApiError } from "../http/errors.js";
import { appendEvent, type Claim, guard, guarded, isFinal } from "../plugins/jobs.js";
import { type Transaction, violatesForeignKey } from "../plugins/prisma.js";
import { cancelJobs, prune } from "../refreshes/ending.js";
import { toMeasure, verdictOf } from "../refreshes/measuring.js";
import { BASELINE, type RefreshSpec } from "../refreshes/rule.js";
import type { Step, Verdict } from "../refreshes/verdict.js";
import { ended, gone, needed, PartEnded, patiently } from "../refreshes/waiting.js";
import { servable, switchTo, warm } from "../serving/switch.js";
import { perform } from "./ownership.js";

/** They mostly wait, yet each that takes a snapshot holds a connection to the database. */
const CONCURRENCY = 4;
interface Work {
	app: FastifyInstance;
	claim: Claim;
	signal: AbortSignal;
	row: Refresh & { spec: RefreshSpec };
}

export default fp(
	async (app) => {
		app.queue.work("refresh", CONCURRENCY, async (id, shutdown) => {
			await perform(app, id, shutdown, (claim, signal, heard) => renew(app, claim, signal, heard));
			await clearUp(app, id).catch((err) =>
				app.log.warn({ err, jobId: id }, "what a refresh leaves waits for the sweep"),
			);
		});
	},
	{
		name: "refresh-deployment",
		dependencies: ["queue", "jobs", "trainer", "removals", "catalogue", "recommender", "machine"],
	},
);

async function clearUp(app: FastifyInstance, id: string): Promise<void> {
	await cancelJobs(app);
	const { deploymentName, spec, job } = await app.prisma.refresh.findUniqueOrThrow({
		where: { id },
		include: { job: true },
	});
	if (!isFinal(job.state)) return;
	const rule = await app.prisma.refreshRule.findUnique({ where: { deploymentName } });
	await prune(app, deploymentName, (rule?.spec ?? spec) as RefreshSpec);
}

const STEPS: Record<Step, (work: Work) => Promise<"ended" | Step>> = {
	snapshot,
	train,
	compare,
	refit: refitBest,
	switch: switchOver,
};

async function renew(app: FastifyInstance, claim: Claim, signal: AbortSignal, heard: () => void): Promise<void> {
	// The trainer is heard by those who do the work.
	const alive = setInterval(heard, app.config.timings.heartbeat);
	try {
		for (;;) {
			const row = await app.persist(() => app.prisma.refresh.findUniqueOrThrow({ where: { id: claim.id } }));
			const work = { app, claim, signal, row: row as Work["row"] };
			const next = await STEPS[row.step as Step](work);
			if (next === "ended") return;
			await goTo(work, next);
		}
	} catch (error) {
		if (error instanceof PartEnded) {
			const { state, failure } = error;
			return await app.persist(() => guarded(app, claim, (tx) => app.jobs.end(tx, claim, state, failure)));
		}
		throw error instanceof ApiError ? new RemoteError(error.code, error.message) : error;
	} finally {
		clearInterval(alive);
	}
}

/** What has been reached is kept: the crash budget begins anew. */
function goTo({ app, claim }: Work, step: Step): Promise<void> {
	return app.persist(() =>
		guarded(app, claim, async (tx) => {
			// What is compared with is what is deployed now; whoever deploys something else later is left alone.
			const isCompared = step === "compare";
			const row = await tx.refresh.findUniqueOrThrow({ where: { id: claim.id } });
			const name = row.deploymentName;
			const deployed = isCompared ? await tx.deployment.findUnique({ where: { name } }) : null;
			const previous = isCompared ? { previousCheckpointId: deployed?.checkpointId ?? null } : {};
			await tx.refresh.update({ where: { id: claim.id }, data: { step, ...previous } });
			await app.jobs.gotFurther(tx, claim);
			await appendEvent(tx, claim.id, "step", { step });
		}),
	);
}

async function snapshot(work: Work): Promise<Step> {
	const { app, claim, signal, row } = work;
	const { feed, rule } = row.spec;
	if (!row.datasetId) {
		await patiently(work, () =>
			takeSnapshot(
				app,
				feed,
				{ rule },
				async (tx, { status, body }) => {
					const { id, createdAt, feed } = body as { id: string; createdAt: string; feed: { upTo: number } };
					// One that is imported again was made by whoever made it first.
					const madeDataset = status === 202 && Date.parse(createdAt) >= row.createdAt.getTime();
					await guard(tx, claim);
					await tx.refresh.update({ where: { id: claim.id }, data: { datasetId: id, madeDataset, upTo: feed.upTo } });
				},
				signal,
			),
		);
	}
	const { datasetId } = await seen(work);
	await ended(work, [needed(datasetId, "The snapshot")], "The snapshot");
	return "train";
}

async function train(work: Work): Promise<Step> {
	const { app, claim, row } = work;
	const { model, params, seeds, processes } = row.spec;
	if (!row.experimentId) {
		const request = {
			name: `Refresh of ${row.deploymentName}, ${row.createdAt.toISOString().slice(0, 16).replace("T", " ")}`,
			dataset: needed(row.datasetId, "The snapshot"),
			models: [{ model, params, processes }, { model: BASELINE }],
			seeds,
			protocol: PROTOCOL,
			keep: { checkpoints: "best" as const },
			class: row.spec.class,
		};
		await patiently(work, () =>
			launch(app, request, async (tx, { body }) => {
				await guard(tx, claim);
				await tx.refresh.update({ where: { id: claim.id }, data: { experimentId: (body as { id: string }).id } });
			}),
		);
	}
	const experimentId = needed((await seen(work)).experimentId, "The experiment");
	const runs = await app.persist(() =>
		app.prisma.run.findMany({ where: { experimentId, refitOfId: null }, select: { id: true } }),
	);
	await ended(
		work,
		runs.map(({ id }) => id),
		"A run",
	);
	return "compare";
}

async function compare(work: Work): Promise<Step | "ended"> {
	const { app, claim, row } = work;
	if (row.previousCheckpointId && !row.evaluationId) await measureDeployed(work);
	const asked = await seen(work);
	if (asked.evaluationId) await ended(work, [asked.evaluationId], "The evaluation of what is deployed");
	const verdict = await app.persist(() => verdictOf(app, asked));
	if (!verdict.passed) return refuse(work, verdict);
	const data = { verdict: verdict as unknown as Prisma.InputJsonObject };
	await app.persist(() => guarded(app, claim, (tx) => tx.refresh.update({ where: { id: claim.id }, data })));
	return row.spec.refit ? "refit" : "switch";
}

async function measureDeployed(work: Work): Promise<void> {
	const { app, claim, row } = work;
	const measured = await patiently(work, () => app.persist(() => toMeasure(app, row)));
	if (!measured) return;
	const { runId, ...which } = measured;
	await patiently(work, () =>
		evaluate(app, runId, { ...which, split: "test" as const, ...PROTOCOL }, async (tx, { body }) => {
			await guard(tx, claim);
			await tx.refresh.update({ where: { id: claim.id }, data: { evaluationId: (body as { id: string }).id } });
		}),
	);
}

async function refitBest(work: Work): Promise<Step> {
	const { app, claim, row } = work;
	if (!row.refitRunId) {
		const { runId } = (row.verdict as Verdict).candidate;
		await patiently(work, () =>
			refit(app, runId, async (tx, refitRunId) => {
				await guard(tx, claim);
				await tx.refresh.update({ where: { id: claim.id }, data: { refitRunId } });
			}),
		);
	}
	const { refitRunId } = await seen(work);
	await ended(work, [needed(refitRunId, "The refit")], "The refit");
	return "switch";
}

async function switchOver(work: Work): Promise<"ended"> {
	const { app, claim, row } = work;
	const verdict = row.verdict as Verdict;
	const runId = needed(row.spec.refit ? row.refitRunId : verdict.candidate.runId, "The refit");
	const best = await app.persist(() => app.prisma.checkpoint.findFirst({ where: { runId, isBest: true } }));
	const checkpoint = best && (await app.persist(() => servable(app, best.id, "")));
	if (!checkpoint) throw gone("The new checkpoint");
	const leavesOut = await patiently(work, () => warm(app, checkpoint));
	const name = row.deploymentName;
	const done = app.persist(() =>
		guarded(app, claim, async (tx) => {
			const changed = await changedSince(tx, row, checkpoint.id);
			if (changed) {
				const reason = `Refused: meanwhile ${changed}.`;
				return end(work, tx, "refused", { ...verdict, passed: false, reason });
			}
			const feed = await tx.feed.findUnique({ where: { name: row.spec.feed } });
			const numbers = verdict as unknown as Prisma.InputJsonObject;
			const why = {
				by: row.trigger === "schedule" ? "refresh" : row.by,
				cause: "refresh" as const,
				reason: verdict.reason,
				refresh: { id: claim.id, numbers },
			};
			await switchTo(tx, name, checkpoint, leavesOut, why, { feedId: feed?.id ?? null });
			await end(work, tx, "switched", verdict, checkpoint.id);
		}),
	);
	await done.catch((error) => {
		if (!violatesForeignKey(error)) throw error;
		throw gone("The new checkpoint or the feed");
	});
	return "ended";
}

/** What has become of the deployment since the comparison; null: nothing, and until the transaction ends nothing does. */
async function changedSince(
	tx: Transaction,
	{ deploymentName: name, previousCheckpointId: previous }: Refresh,
	checkpointId: string,
): Promise<string | null> {
	// There is no row to hold: who makes it first has deployed.
	const isFirst =
		previous === null &&
		(await tx.deployment.createMany({ data: { name, checkpointId }, skipDuplicates: true })).count > 0;
	if (isFirst) return null;
	await tx.$executeRaw`SELECT 1 FROM deployments WHERE name = ${name} FOR UPDATE`;
	const deployed = await tx.deployment.findUnique({ where: { name } });
	if (!deployed) return "the deployment was removed";
	return deployed.checkpointId === previous ? null : "something else was deployed";
}

async function refuse(work: Work, verdict: Verdict): Promise<"ended"> {
	await work.app.persist(() => guarded(work.app, work.claim, (tx) => end(work, tx, "refused", verdict)));
	return "ended";
}

async function end(
	{ app, claim }: Work,
	tx: Transaction,
	outcome: "switched" | "refused",
	verdict: Verdict,
	newCheckpointId: string | null = null,
): Promise<void> {
	const data = { outcome, verdict: verdict as unknown as Prisma.InputJsonObject, newCheckpointId };
	await tx.refresh.update({ where: { id: claim.id }, data });
	await app.jobs.end(tx, claim, "SUCCEEDED");
}

const seen = ({ app, claim }: Work) =>
	app.persist(() => app.prisma.refresh.findUniqueOrThrow({ where: { id: claim.id } })) as Promise<Work["row"]>;
