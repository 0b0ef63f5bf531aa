// valence runs: what was trained and is being trained; one run with all that is known of it.
import type { Client, Experiment, Run, RunDetail } from "@valence/client";
import { bold, dim, duration, facts, green, red, say, size, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { countOf } from "../arguments.js";
import { Failure } from "../failure.js";
import { findDataset, findRun, short } from "../finding.js";
import { titleOf } from "../metrics.js";
import { remoteOptions, withService } from "../service.js";
import { ago } from "../times.js";

const MOST = 1000;
const LOG_LINES = 10;

export const runs = (line: Argv) =>
	line.command(
		"runs [run]",
		"List runs, newest first, or show one",
		(yargs) =>
			remoteOptions(yargs)
				.positional("run", { type: "string", describe: "Beginning of its id, its model, latest or best" })
				.option("on", {
					type: "string",
					requiresArg: true,
					describe: "Only of this dataset; with latest, best or a model: the newest without it",
				})
				.option("model", { type: "string", requiresArg: true, describe: "Only of this model" })
				.option("limit", {
					type: "string",
					requiresArg: true,
					default: "20",
					coerce: (text: string) => countOf("--limit", text, MOST),
					describe: "How many",
				})
				.example("$0 runs", "what there is")
				.example("$0 runs best", "all about the best one"),
		(options) =>
			withService(options, async (api) => {
				if (options.run !== undefined) {
					const { id } = await findRun(api, options.run, options.on);
					const run = await api.get("/runs/{id}", { path: { id } });
					sayRun(run);
					return run;
				}
				const dataset = options.on === undefined ? undefined : (await findDataset(api, options.on)).id;
				const found = await listed(api, dataset, options.model, options.limit);
				if (found.length === 0) say("  Nothing has been trained yet; valence train MODEL does.");
				else sayRuns(found);
				return { items: found.map(({ run }) => run) };
			}),
	);

interface Listed {
	run: Run;
	experiment: Experiment;
}

async function listed(
	api: Client,
	dataset: string | undefined,
	model: string | undefined,
	limit: number,
): Promise<Listed[]> {
	const found: Listed[] = [];
	const query = { limit: 200, ...(dataset && { dataset }), ...(model && { model }) };
	for await (const experiment of api.each("/experiments", { query })) {
		if (found.length >= limit) break;
		const { runs } = await api.get("/experiments/{id}", { path: { id: experiment.id } });
		for (const run of runs) if (model === undefined || run.model === model) found.push({ run, experiment });
	}
	return found.slice(0, limit);
}

function sayRuns(found: Listed[]): void {
	const metricOf = ({ protocol }: Experiment) => `recall@${protocol.cutoffs[0]}`;
	const cutoffs = new Set(found.map(({ experiment }) => metricOf(experiment)));
	const name = cutoffs.size === 1 ? titleOf([...cutoffs][0] as string) : "Recall";
	table(
		["run", "model", "seed", "dataset", "state", "epoch", `valid ${name}`, `test ${name}`, "time", "when"],
		found.map(({ run, experiment }) => [
			...[short(run.id), run.model, String(run.seed), experiment.dataset.name, stateOf(run)],
			run.epoch === 0 ? "–" : `${run.epoch}${run.bestEpoch === null ? "" : ` (best ${run.bestEpoch})`}`,
			run.bestValue?.toFixed(4) ?? "–",
			run.metrics[`test.${metricOf(experiment)}`]?.toFixed(4) ?? "–",
			run.trainSeconds === null ? "–" : duration(run.trainSeconds),
			ago(run.finishedAt ?? run.startedAt ?? experiment.createdAt),
		]),
		{
			left: [0, 1, 3, 4],
			paint: (text, row, column) => {
				if (column !== 4) return text;
				const { state } = (found[row] as Listed).run;
				return state === "SUCCEEDED" ? green(text) : state === "FAILED" ? red(text) : text;
			},
		},
	);
}

const stateOf = (run: Run) =>
	run.state === "RUNNING" ? `running ${Math.round(run.progress * 100)} %` : run.state.toLowerCase();

function sayRun(run: RunDetail): void {
	say(`  ${bold(`${run.model} seed ${run.seed}`)} ${dim(run.id)}\n`);
	const { trainSeconds, peakMemoryBytes, parameters } = run;
	facts([
		["state", `${stateOf(run)}${run.error ? `: ${run.error.message}` : ""}`],
		["dataset", run.dataset.name],
		[
			"epochs",
			`${run.epoch}${run.bestEpoch === null ? "" : `, best ${run.bestEpoch}`}${run.stopReason ? `, ${run.stopReason}` : ""}`,
		],
		["time", trainSeconds === null ? "–" : duration(trainSeconds)],
		["device", [run.device, run.torchVersion && `torch ${run.torchVersion}`].filter(Boolean).join(", ") || "–"],
		["memory", peakMemoryBytes === null ? "–" : size(peakMemoryBytes)],
		["parameters", parameters === null ? "–" : parameters.toLocaleString("en")],
	]);
	if (run.vouchedBy) facts([["refit of", `${short(run.vouchedBy)}, which was tested and vouches for it`]]);
	if (run.refit) facts([["refit", `${short(run.refit.id)}, ${run.refit.state.toLowerCase()}`]]);
	say();
	facts(Object.entries(run.config).map(([field, value]) => [field, JSON.stringify(value)]));
	const metrics = Object.entries(run.metrics);
	if (metrics.length > 0) {
		say();
		facts(
			metrics
				.sort()
				.reverse()
				.map(([name, value]) => [
					name.startsWith("test.") ? `test ${titleOf(name)}` : titleOf(name),
					value?.toFixed(4) ?? "–",
				]),
		);
	}
	for (const { epoch, isBest, bytes } of run.checkpoints)
		say(`  checkpoint of epoch ${epoch}${isBest ? " (best)" : ""}, ${size(bytes)}`);
	if (run.state === "FAILED" || run.state === "RUNNING")
		for (const { message } of run.log.slice(-LOG_LINES)) say(dim(`  ${message}`));
	if (run.state === "SUCCEEDED") say(`\n  Next: ${bold(`valence deploy ${short(run.id)}`)}`);
	if (run.checkpoints.length === 0 && run.state === "SUCCEEDED") throw new Failure("its checkpoints have been removed");
}
