// valence runs: what was trained and is being trained; one run with all that is known of it.
import {
	type Client,
	type Experiment,
	isPruned,
	type MetricDefinition,
	type Run,
	type RunDetail,
	standing,
} from "@valence/client";
import { bold, count, dim, duration, facts, green, red, say, size, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { countOf } from "../arguments.js";
import { memoryWords, timeWords } from "../estimates.js";
import { Failure } from "../failure.js";
import { findDataset, findRun, short } from "../finding.js";
import { namesOf, titleOf } from "../metrics.js";
import { remoteOptions, withService } from "../service.js";
import { ago } from "../times.js";

const MOST = 1000;
const LOG_LINES = 10;
/** Metrics beside each other. */
const MOST_OF_GROUPS = 6;

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
				.option("trials", {
					type: "boolean",
					describe: "Every trial of a search; its best one and those that run without it",
				})
				.option("limit", {
					type: "string",
					requiresArg: true,
					default: "20",
					coerce: (text: string) => countOf("--limit", text, MOST),
					describe: "How many",
				})
				.example("$0 runs", "what there is")
				.example("$0 runs --trials", "with every trial of searches")
				.example("$0 runs best", "all about the best one"),
		(options) =>
			withService(options, async (api) => {
				if (options.run !== undefined) {
					const { id } = await findRun(api, options.run, options.on);
					const run = await api.get("/runs/{id}", { path: { id } });
					sayRun(run, (await api.get("/metric-definitions")).items);
					return run;
				}
				const dataset = options.on === undefined ? undefined : (await findDataset(api, options.on)).id;
				const { found, folded } = await listed(api, dataset, { ...options, trials: options.trials || options.json });
				if (found.length === 0 && folded.runs === 0) say("  Nothing has been trained yet; valence train MODEL does.");
				else if (found.length > 0) sayRuns(found);
				if (folded.runs > 0)
					say(
						dim(
							`\n  ${count(folded.runs, "more trial")} of searches: --trials lists them, valence search ${folded.of} shows one`,
						),
					);
				return { items: found.map(({ run }) => run) };
			}),
	);

interface Listed {
	run: Run;
	experiment: Experiment;
}

interface Wanted {
	model?: string | undefined;
	trials?: boolean | undefined;
	limit: number;
}

/** The runs, and how many trials are left out of them, of which experiment first. */
async function listed(api: Client, dataset: string | undefined, { model, trials, limit }: Wanted) {
	const found: Listed[] = [];
	const folded = { runs: 0, of: "" };
	const query = { limit: 200, ...(dataset && { dataset }), ...(model && { model }) };
	for await (const experiment of api.each("/experiments", { query })) {
		if (found.length >= limit) break;
		const whole = await api.get("/experiments/{id}", { path: { id: experiment.id } });
		const runs = whole.runs.filter((run) => model === undefined || run.model === model);
		const seen = new Set(standing(whole).map(({ id }) => id));
		const shown = runs.filter(({ id, state }) => trials || seen.has(id) || state === "RUNNING");
		if (shown.length < runs.length) folded.of ||= short(whole.id);
		folded.runs += runs.length - shown.length;
		for (const run of shown) found.push({ run, experiment });
	}
	return { found: found.slice(0, limit), folded };
}

function sayRuns(found: Listed[]): void {
	const metricOf = ({ protocol }: Experiment) => `recall@${protocol.cutoffs[0]}`;
	const cutoffs = new Set(found.map(({ experiment }) => metricOf(experiment)));
	const name = cutoffs.size === 1 ? titleOf([...cutoffs][0] as string) : "Recall";
	const hasTrials = found.some(({ run }) => run.trial !== null);
	const first = ["run", "model", "seed", ...(hasTrials ? ["trial"] : []), "dataset", "state"];
	table(
		[...first, "epoch", `valid ${name}`, `test ${name}`, "time", "when"],
		found.map(({ run, experiment }) => [
			...[short(run.id), run.model, String(run.seed)],
			...(hasTrials ? [String(run.trial?.number ?? "")] : []),
			...[experiment.dataset.name, stateOf(run)],
			run.epoch === 0 ? "–" : `${run.epoch}${run.bestEpoch === null ? "" : ` (best ${run.bestEpoch})`}`,
			run.bestValue?.toFixed(4) ?? "–",
			run.metrics[`test.${metricOf(experiment)}`]?.toFixed(4) ?? "–",
			run.trainSeconds === null ? "–" : duration(run.trainSeconds),
			ago(run.finishedAt ?? run.startedAt ?? experiment.createdAt),
		]),
		{
			left: [0, 1, first.length - 2, first.length - 1],
			paint: (text, row, column) => {
				if (column !== first.length - 1) return text;
				const { state } = (found[row] as Listed).run;
				return state === "SUCCEEDED" ? green(text) : state === "FAILED" ? red(text) : text;
			},
		},
	);
}

function stateOf(run: Run): string {
	if (run.state === "RUNNING") return `running ${Math.round(run.progress * 100)} %`;
	return isPruned(run) ? "pruned" : run.state.toLowerCase();
}

function sayRun(run: RunDetail, known: MetricDefinition[]): void {
	say(`  ${bold(`${run.model} ${run.trial ? `trial ${run.trial.number}` : `seed ${run.seed}`}`)} ${dim(run.id)}\n`);
	const { trainSeconds, peakMemoryBytes, parameters, estimate } = run;
	facts([
		["state", `${stateOf(run)}${run.error ? `: ${run.error.message}` : ""}`],
		["dataset", run.dataset.name],
		[
			"epochs",
			`${run.epoch}${run.bestEpoch === null ? "" : `, best ${run.bestEpoch}`}${run.stopReason ? `, ${run.stopReason}` : ""}`,
		],
		["time", beside(trainSeconds === null ? "–" : duration(trainSeconds), timeWords(estimate))],
		["machine", machineOf(run)],
		[
			"device",
			[run.device, run.torchVersion && `torch ${run.torchVersion}`, run.processes > 1 && `${run.processes} processes`]
				.filter(Boolean)
				.join(", ") || "–",
		],
		["memory", beside(peakMemoryBytes === null ? "–" : size(peakMemoryBytes), memoryWords(estimate))],
		["parameters", parameters === null ? "–" : parameters.toLocaleString("en")],
	]);
	if (run.trial)
		facts([["trial", `${run.trial.number} of a search; valence search ${short(run.experimentId)} shows it`]]);
	if (run.vouchedBy) facts([["refit of", `${short(run.vouchedBy)}, which was tested and vouches for it`]]);
	if (run.refit) facts([["refit", `${short(run.refit.id)}, ${run.refit.state.toLowerCase()}`]]);
	say();
	const fields = Object.entries(run.config);
	if (fields.length > 0) facts(fields.map(([field, value]) => [field, JSON.stringify(value)]));
	else if (run.trial) say(dim("  What it tries is chosen once its turn has come."));
	sayMetrics(run, known);
	for (const { epoch, isBest, bytes } of run.checkpoints)
		say(`  checkpoint of epoch ${epoch}${isBest ? " (best)" : ""}, ${size(bytes)}`);
	if (run.state === "FAILED" || run.state === "RUNNING")
		for (const { message } of run.log.slice(-LOG_LINES)) say(dim(`  ${message}`));
	if (run.state === "SUCCEEDED") say(`\n  Next: ${bold(`valence deploy ${short(run.id)}`)}`);
	if (run.checkpoints.length === 0 && run.state === "SUCCEEDED") throw new Failure("its checkpoints have been removed");
}

/** What it took, and what was said before. */
const beside = (took: string, said: string | undefined) => (said ? `${took}, estimated ${said}` : took);

function machineOf({ class: machineClass, machine, lacksMachine }: RunDetail): string {
	const needed = machineClass === null ? "" : ` of class ${machineClass}`;
	if (lacksMachine) return `waits: no machine${needed} is there that takes work`;
	return `${machine ?? "–"}${machine && needed && `,${needed}`}`;
}

function sayMetrics({ metrics, protocol, users, groups }: RunDetail, known: MetricDefinition[]): void {
	if (Object.keys(metrics).length === 0) return;
	const ranked = [...namesOf(protocol, "test"), ...namesOf(protocol, "valid")].filter((name) => name in metrics);
	const others = Object.keys(metrics).filter((name) => !ranked.includes(name));
	say();
	facts(
		[...ranked, ...others.sort().reverse()].map((name) => [
			name.startsWith("test.") ? `test ${titleOf(name, known)}` : titleOf(name, known),
			metrics[name]?.toFixed(4) ?? "–",
		]),
	);
	if (users !== null) facts([["measured", `${users.toLocaleString("en")} users`]]);
	if (groups.length === 0) return;
	const [cutoff] = protocol.cutoffs;
	const names = protocol.metrics
		.map((name) => `${name}@${cutoff}`)
		.filter((name) => groups.some((group) => name in group.metrics))
		.slice(0, MOST_OF_GROUPS);
	say();
	table(
		["test by", "", "interactions", "users", ...names.map((name) => titleOf(name, known))],
		groups.map(({ by, group, from, to, users, metrics }) => [
			...[by === "activity" ? "activity of users" : "popularity of items", group],
			...[from === to ? String(from) : `${from} to ${to}`, users.toLocaleString("en")],
			...names.map((name) => metrics[name]?.toFixed(4) ?? "–"),
		]),
		{ left: [0, 1] },
	);
}
