// What must hold after every failure: no run lost, none done twice, metrics without gap or duplicate.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "expect";
import { isFinal } from "../../services/api/src/plugins/jobs.js";
import { until } from "./processes.js";
import type { Stack } from "./stack.js";

/** What is looked at. */
export type Checked = Pick<Stack, "prisma" | "artifacts" | "undisturbed" | "children">;

/** Waits for every job's end, then checks all there is in the database and on the disk. */
export async function expectSound(stack: Checked): Promise<void> {
	const { prisma } = stack;
	const jobs = await until("every job is final", async () => {
		const all = await prisma.job.findMany({ include: { events: { orderBy: { seq: "asc" } } } });
		return all.every(({ state }) => isFinal(state)) && all;
	});
	for (const { id, state, lease, eventSeq, events } of jobs) {
		expect({ id, seqs: events.map(({ seq }) => seq) }).toEqual({ id, seqs: upTo(eventSeq) });
		const states = events
			.filter(({ type }) => type === "state")
			.map(({ data }) => (data as { state: typeof state }).state);
		expect(states.filter(isFinal)).toEqual([state]);
		expect(states.at(-1)).toBe(state);
		expect({ id, claims: states.filter((each) => each === "RUNNING").length }).toEqual({ id, claims: lease });
	}
	const runs = await prisma.run.findMany({
		include: { job: true, metrics: true, checkpoints: true, dataset: true, experiment: true },
	});
	const reference = runs.find(({ id }) => id === stack.undisturbed);
	if (reference?.job.state !== "SUCCEEDED") throw new Error("the undisturbed run is gone");
	const refitted = runs.find(({ refitOfId, job }) => refitOfId !== null && job.state === "SUCCEEDED");
	for (const run of runs) {
		const isRefit = run.refitOfId !== null;
		const perSeries = new Map<string, number[]>();
		for (const { split, name, epoch } of run.metrics) {
			const series = `${split} ${name}`;
			perSeries.set(
				series,
				[...(perSeries.get(series) ?? []), epoch].sort((a, b) => a - b),
			);
		}
		for (const [series, epochs] of perSeries) {
			const expected = series.startsWith("test ") ? [run.bestEpoch] : upTo(run.epoch);
			expect({ run: run.id, series, epochs }).toEqual({ run: run.id, series, epochs: expected });
		}
		const isTested = run.metrics.some(({ split }) => split === "test");
		const isToBe = run.job.state === "SUCCEEDED" && !isRefit && run.stopReason !== "pruned";
		expect({ run: run.id, isTested }).toEqual({ run: run.id, isTested: isToBe });
		// Of the same data, configuration and seed: whatever happened to a run, its numbers are those of the other.
		const like = isRefit ? refitted : reference;
		if (like && run.configHash === like.configHash && run.dataset.splitDigest === like.dataset.splitDigest) {
			expect(numbers(run)).toEqual(numbers(like).filter(isUpTo(run.epoch, isTested)));
			if (run.job.state === "SUCCEEDED" && run.stopReason !== "pruned")
				expect(run.parametersSha256).toBe(like.parametersSha256);
		}
		if (run.epoch > 0 && run.experiment.keepCheckpoints !== "best")
			expect(run.checkpoints.filter(({ isLast }) => isLast).map(({ epoch }) => epoch)).toEqual([run.epoch]);
		if (run.epoch > 0)
			expect(run.checkpoints.filter(({ isBest }) => isBest).map(({ epoch }) => epoch)).toEqual([run.bestEpoch]);
		for (const { key, sha256 } of run.checkpoints) {
			const manifest = readFileSync(join(stack.artifacts, key, "manifest.json"));
			expect(createHash("sha256").update(manifest).digest("hex")).toBe(sha256);
		}
	}
	await expectRefreshesSound(stack);
	await until("no training child is left", () => stack.children().length === 0, 30);
}

/** Once all have ended: none beside another, and history, refreshes and deployments tell the same. */
async function expectRefreshesSound({ prisma }: Checked): Promise<void> {
	const refreshes = await prisma.refresh.findMany({
		include: { job: true, history: true },
		orderBy: { createdAt: "asc" },
	});
	const lastEnd = new Map<string, Date>();
	for (const { id, deploymentName, outcome, createdAt, job, history, newCheckpointId } of refreshes) {
		expect({ id, hasOutcome: outcome !== null }).toEqual({ id, hasOutcome: job.state === "SUCCEEDED" });
		expect({ id, lines: history.map(({ cause, deploymentName: name }) => [cause, name]) }).toEqual({
			id,
			lines: outcome === "switched" ? [["refresh", deploymentName]] : [],
		});
		expect({ id, served: history.map(({ checkpointId }) => checkpointId) }).toEqual({
			id,
			served: outcome === "switched" ? [newCheckpointId] : [],
		});
		const before = lastEnd.get(deploymentName);
		expect({ id, isBeside: before !== undefined && createdAt < before }).toEqual({ id, isBeside: false });
		if (job.finishedAt) lastEnd.set(deploymentName, job.finishedAt);
	}
	expect(await prisma.deploymentHistory.count({ where: { cause: "refresh", refreshId: null } })).toBe(0);
	const deployments = await prisma.deployment.findMany({ include: { checkpoint: { include: { run: true } } } });
	for (const { name, checkpointId, checkpoint } of deployments) {
		expect(checkpoint.run.id).toBe(checkpoint.runId);
		const newest = await prisma.deploymentHistory.findFirst({
			where: { deploymentName: name },
			orderBy: { id: "desc" },
		});
		if (newest) expect({ name, served: newest.checkpointId }).toEqual({ name, served: checkpointId });
	}
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

interface Numbers {
	metrics: { split: string; name: string; epoch: number; value: number }[];
}
const numbers = ({ metrics }: Numbers) =>
	metrics.map(({ split, name, epoch, value }) => `${split} ${name} ${String(epoch).padStart(5, "0")} ${value}`).sort();

const isUpTo = (last: number, isTested: boolean) => (line: string) => {
	const [split, , epoch] = line.split(" ");
	return split === "test" ? isTested : Number(epoch) <= last;
};
