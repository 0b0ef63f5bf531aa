// A search whose trials have ended, as workers leave it.
import type { JobState } from "../../services/api/src/generated/prisma/client.js";
import { digest } from "../../services/api/src/http/digest.js";
import type { TestApi } from "./api.js";

export const SPACE = { tau: { low: 0.05, high: 0.5, log: true }, k: { values: [2, 4, 8] } };
/** State of a trial, what it came to by validation, and why it stopped. */
export type Ended = [state: JobState, value: number | null, stopReason?: string];

/** Trials differ in tau: 0.1 and a hundredth more for each. */
export async function searchedOn(
	{ app: { prisma }, call }: TestApi,
	dataset: string,
	trials: Ended[],
): Promise<{ id: string; experiment: string; runs: string[] }> {
	const search = { trials: trials.length, space: SPACE };
	const { body } = await call("POST", "/experiments", {
		dataset,
		models: [{ model: "valid", search }],
		name: "looking",
	});
	for (const [number, [state, value, stopReason = null]] of trials.entries()) {
		const id = body.runs[number].id;
		const chosen = { tau: 0.1 + number / 100, k: 2 };
		const config = { attention: "none", ...chosen };
		const isFinal = !["QUEUED", "RUNNING"].includes(state);
		await prisma.job.update({ where: { id }, data: { state, ...(isFinal && { finishedAt: new Date() }) } });
		if (state === "QUEUED") continue;
		await prisma.run.update({
			where: { id },
			data: {
				...{ chosen, config, configHash: digest({ model: "valid", config }), bestValue: value },
				...{ epoch: 2, bestEpoch: 2, stopReason: stopReason ?? (isFinal ? "max_epochs" : null), trainSeconds: 3 },
			},
		});
		await prisma.metric.create({ data: { runId: id, split: "valid", name: "recall@20", epoch: 2, value: value ?? 0 } });
		const kept = { key: `runs/${id}/epoch-00002`, sha256: "a".repeat(64), bytes: 10, isBest: true, isLast: true };
		await prisma.checkpoint.create({ data: { runId: id, epoch: 2, ...kept } });
	}
	return { id: body.searches[0].id, experiment: body.id, runs: body.runs.map((run: { id: string }) => run.id) };
}

/** Runs of the api's as they are once they were trained and tested. */
export async function succeed({ app: { prisma } }: TestApi, runs: string[]): Promise<void> {
	await prisma.job.updateMany({
		where: { id: { in: runs } },
		data: { state: "SUCCEEDED", finishedAt: new Date() },
	});
	await prisma.run.updateMany({ where: { id: { in: runs } }, data: { epoch: 2, bestEpoch: 2, bestValue: 0.2 } });
}
