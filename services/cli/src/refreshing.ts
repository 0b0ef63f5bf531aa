// A refresh followed to its end, how far it is, and the numbers that decided about it.
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, Problem, type Refresh } from "@valence/client";
import { green, red, say, table } from "@valence/supervisor/terminal";
import { titleOf } from "./metrics.js";

/** How long the service may be away. */
const PATIENCE_MS = 120_000;

/** `tell` is given how it stands, each time it is asked for; null while the service does not answer. */
export async function followRefresh(
	api: Client,
	begun: Refresh,
	pollMs: number,
	tell: (refresh: Refresh | null) => void,
): Promise<Refresh> {
	let refresh = begun;
	let heardAt = Date.now();
	let isAway = false;
	while (refresh.state === "QUEUED" || refresh.state === "RUNNING") {
		tell(isAway ? null : refresh);
		await sleep(pollMs);
		try {
			refresh = await api.get("/refreshes/{id}", { path: { id: begun.id } });
			heardAt = Date.now();
			isAway = false;
		} catch (error) {
			isAway = error instanceof Problem && error.status === 0;
			if (!isAway || Date.now() - heardAt > PATIENCE_MS) throw error;
		}
	}
	return refresh;
}

/** What is being trained, and how far that is; empty where nothing is. */
export function trainingLine({ jobs: { runs, refit } }: Refresh): string {
	const run = [...runs, ...(refit ? [refit] : [])].find(({ state }) => state === "RUNNING");
	return run ? `${run.model}  epoch ${run.epoch}${run.maxEpochs === null ? "" : `/${run.maxEpochs}`}` : "";
}

/** What is done at the step it stands at, and how far that is. */
export function stepLine(refresh: Refresh): string {
	const { step, jobs } = refresh;
	const done = jobs.runs.filter(({ state }) => state === "SUCCEEDED").length;
	const runs = step === "train" && jobs.runs.length > 0 ? `${done}/${jobs.runs.length} runs done` : "";
	return [step, runs, trainingLine(refresh)].filter(Boolean).join("  ");
}

/** Side by side, and what follows from them. */
export function sayVerdict({ verdict, outcome }: Refresh): void {
	if (!verdict) return;
	const { metric, candidate, popularity, deployed, needs, reason } = verdict;
	const number = (value: number | null) => value?.toFixed(4) ?? "–";
	const rows = [
		["the candidate", number(candidate.value), ""],
		["popularity", number(popularity.value), number(needs.popularity)],
		["what is deployed", deployed ? number(deployed.value) : "nothing yet", number(needs.deployed)],
	];
	table(["on what came last", titleOf(metric), "so it needs"], rows);
	say(`  ${outcome === "switched" ? green("✓") : red("✗")} ${reason}`);
}
