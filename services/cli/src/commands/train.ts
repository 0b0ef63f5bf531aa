// valence train MODEL...: an experiment on a dataset, followed to its end when that is wanted.
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, type ExperimentDetail, type Run, standing } from "@valence/client";
import { bold, count, dim, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { countOf, listOf, MOST_SEED, perhaps, seedsOf } from "../arguments.js";
import { Board } from "../board.js";
import { sayComparison } from "../comparison.js";
import { launchWords } from "../estimates.js";
import { Failure, STATUS } from "../failure.js";
import { findDataset, onDataset, short } from "../finding.js";
import { machineClass, processes } from "../machine-options.js";
import { requestsOf } from "../model-requests.js";
import { refitDone } from "../refitting.js";
import { SPACE_FORMS } from "../search-space.js";
import { saySearch } from "../searching.js";
import { goesOn, remoteOptions, withService } from "../service.js";
import { watchExperiment } from "../watching.js";

/** The sweeper of a worker comes by more often. */
const REFIT_MS = 120_000;
const MOST_TRIALS = 1_000;

export const train = (line: Argv) =>
	line.command(
		"train <models..>",
		"Train models on a dataset",
		(yargs) =>
			remoteOptions(yargs)
				.positional("models", {
					type: "string",
					array: true,
					demandOption: true,
					describe: "valence models names them",
				})
				.option("on", {
					type: "string",
					requiresArg: true,
					describe: "The dataset: name, beginning of its id, or latest",
				})
				.option("set", {
					type: "string",
					array: true,
					nargs: 1,
					describe: "FIELD=VALUE of the models that have the field, or MODEL.FIELD=VALUE of one",
				})
				.option("grid", {
					type: "string",
					array: true,
					nargs: 1,
					describe: "FIELD=A,B,...: a run for every value, and for every combination of several",
				})
				.option("search", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => countOf("--search", text, MOST_TRIALS)),
					describe: "How many configurations to try of what --space names, each after what came of those before",
				})
				.option("space", {
					type: "string",
					array: true,
					nargs: 1,
					describe: `What is tried of a field, as FIELD=${SPACE_FORMS}`,
				})
				.option("strategy", {
					choices: ["tpe", "random"] as const,
					describe: "Of a search: by what is known of earlier trials, or each by itself [tpe]",
				})
				.option("prune", {
					choices: ["halving"] as const,
					describe: "Stop trials of a search early that fall behind: successive halving",
				})
				.option("search-seed", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => countOf("--search-seed", text, MOST_SEED, 0)),
					describe: "Of what a search draws [1]",
				})
				.implies({ search: "space", space: "search", strategy: "search", prune: "search", "search-seed": "search" })
				.option("seeds", { type: "string", requiresArg: true, default: "1", coerce: seedsOf, describe: "As 1,2,5-8" })
				.option("processes", processes)
				.option("metrics", {
					type: "string",
					requiresArg: true,
					coerce: perhaps(listOf),
					describe: "What is measured, as recall,ndcg,mrr; valence metrics lists them [recall,ndcg]",
				})
				.option("name", { type: "string", requiresArg: true, describe: "Of the experiment" })
				.option("class", machineClass)
				.option("refit", {
					type: "boolean",
					describe: "Then train the best one on validation and test, too: the one to deploy",
				})
				.option("watch", { type: "boolean", describe: "Stay until all is done, and compare" })
				.example("$0 train valid popularity --watch", "on the newest dataset")
				.example("$0 train valid --set k=8 --set learning_rate=0.005", "with fields of its own")
				.example("$0 train valid --search 30 --space tau=0.05..0.5:log --space k=2,4,8", "thirty trials of a search")
				.example("$0 train valid ease --seeds 1-5 --on movies", "five seeds each, and their mean")
				.example("$0 train valid --metrics recall,ndcg,mrr,coverage", "measured by more than recall and NDCG"),
		(options) =>
			withService(options, async (api, { url }) => {
				const { items } = await api.get("/models");
				const models = requestsOf(options.models, items, {
					set: options.set,
					grid: options.grid,
					search:
						options.search === undefined ? undefined : { ...options, trials: options.search, seed: options.searchSeed },
					processes: options.processes,
				});
				const dataset = await findDataset(api, options.on);
				const name = options.name && { name: options.name };
				const refit = options.refit && { refit: true };
				const machineClass = typeof options.class === "string" && { class: options.class };
				const protocol = options.metrics && { protocol: { metrics: options.metrics } };
				const body = {
					...name,
					dataset: dataset.id,
					models,
					seeds: options.seeds,
					...protocol,
					...refit,
					...machineClass,
				};
				const begun = await api.post("/experiments", { body });
				say(
					`  ${bold(begun.name)} ${dim(short(begun.id))}: ${count(begun.runs.length, "run")} on ${dataset.name}  ${dim(`${url}/ui/experiments/${begun.id}`)}`,
				);
				const estimated = launchWords(begun.runs);
				if (estimated) say(dim(`  ${estimated}`));
				const held = (dataset.rule.split as { kind?: string } | undefined)?.kind === "strong";
				if (held) say(dim("  measured on users held out of the training, by what of theirs is folded in"));
				if (!options.watch) {
					const [show, how] = begun.searches.length > 0 ? ["search", "shows the search"] : ["compare", "compares them"];
					say(`\n  Next: ${bold("valence runs")} shows them, ${bold(`valence ${show} ${short(begun.id)}`)} ${how}`);
					return begun;
				}
				return follow(api, begun, options.on === undefined ? "" : await onDataset(api, dataset));
			}),
	);

/** To its end; throws when a run came to nothing. `on`: what names its dataset, where that need not be the newest. */
async function follow(api: Client, begun: ExperimentDetail, on: string): Promise<ExperimentDetail> {
	const board = new Board();
	process.once("SIGINT", () => {
		board.close();
		goesOn("valence runs")();
		process.exit(STATUS.interrupted);
	});
	const done = await watchExperiment(api, begun, board);
	await sayComparison(api, [{ ...done, runs: standing(done) }]);
	for (const search of done.searches) await saySearch(api, search, done);
	// A trial that fails is told to the search, which goes on without it.
	const failed = done.runs.filter(({ state, trial }) => state !== "SUCCEEDED" && trial === null).length;
	if (done.searches.some(({ best }) => best === null)) throw new Failure("a search has no complete trial");
	if (failed > 0)
		throw new Failure(`${count(failed, "run")} of ${done.runs.length} came to nothing; valence runs RUN says why`);
	const refitted = done.refit ? await refitDone(api, await refitOf(api, done.id)) : null;
	say(`\n  Next: ${bold(`valence deploy ${refitted ? short(refitted.id) : `best${on}`}`)}`);
	return done;
}

/** It begins by itself a moment after the last run has ended. */
async function refitOf(api: Client, id: string): Promise<Run> {
	for (const until = Date.now() + REFIT_MS; Date.now() < until; await sleep(1_000)) {
		const [refit] = (await api.get("/experiments/{id}", { path: { id } })).refits;
		if (refit) return refit;
	}
	throw new Failure(`its best run was not refit; is a worker there? ${bold("valence refit best")} asks for it`);
}
