// valence paper RECIPE --dataset NAME: what a table or figure of the paper needs is trained, and printed.
import { RESULTS } from "@valence/supervisor/paths";
import type { Argv } from "yargs";
import { listOf, pathOf, seedsOf } from "../arguments.js";
import { addressOf, type Target, targetOf } from "../contexts.js";
import { wrongUsage } from "../failure.js";
import { inJson, jsonOption } from "../json.js";
import { recipeNames } from "../paper/recipe-names.js";

export const paper = (line: Argv) =>
	line.command(
		"paper <recipe>",
		"Reproduce a table or figure of the paper",
		(yargs) =>
			jsonOption(yargs, "what the JSON file holds")
				.positional("recipe", { type: "string", demandOption: true, choices: recipeNames(), describe: "What to make" })
				.option("dataset", {
					type: "string",
					demandOption: true,
					requiresArg: true,
					coerce: datasetName,
					describe: "A folder of --data with RecBole files, or sample (built in)",
				})
				.option("data", {
					type: "string",
					requiresArg: true,
					coerce: pathOf,
					describe: "Folder of such folders (../shared/data where there is one)",
				})
				.option("seeds", {
					type: "string",
					requiresArg: true,
					coerce: (text?: string) => (text === undefined ? undefined : seedsOf(text)),
					describe: "Which seeds, as 1,2,5-8; those of the recipe without it",
				})
				.option("models", {
					type: "string",
					requiresArg: true,
					coerce: (text?: string) => (text === undefined ? undefined : listOf(text)),
					describe: "Only these models of the recipe, as a,b; the other lines of the files stay",
				})
				.option("context", {
					type: "string",
					requiresArg: true,
					conflicts: "url",
					describe: "Which service: a name given at valence login; local: one of its own",
				})
				.option("url", {
					type: "string",
					requiresArg: true,
					coerce: (text?: string) => (text === undefined ? undefined : addressOf(text)),
					describe: "A service by its address",
				})
				.option("key", {
					type: "string",
					requiresArg: true,
					implies: "url",
					describe: "API key of the service at --url; VALENCE_API_KEY without it",
				})
				.option("out", {
					type: "string",
					requiresArg: true,
					default: RESULTS,
					defaultDescription: "bench/results",
					coerce: pathOf,
					describe: "Where the files go",
				})
				.option("reuse", {
					type: "boolean",
					describe: "Runs that the JSON files there hold count as done, whoever trained them",
				})
				.example("$0 paper table2 --dataset sample --seeds 1 --models popularity,ease", "half a minute, no data needed")
				.epilogue(
					"Where no service is named, by options, VALENCE_URL or valence login, it starts one of its own, whose data lies in .valence/paper; delete that to start anew. Finished runs are not done again: the same command goes on where it stopped, and only prints once all is there.",
				),
		(options) =>
			inJson(
				options.json,
				async (print) => {
					const service = serviceOf(options);
					const { Reproduction } = await import("../paper/reproduction.js");
					await new Reproduction({ ...options, service, print }).run();
				},
				{ isTold: true },
			),
	);

interface Named {
	context: string | undefined;
	url: string | undefined;
	key: string | undefined;
}

/** The one that is named; null where a service of its own does the work. */
function serviceOf({ context, url, key = process.env.VALENCE_API_KEY }: Named): Target | null {
	if (url !== undefined) return { url, ...(key && { key }), from: "--url", isLocal: false };
	const found = targetOf(context);
	return found.isLocal ? null : found;
}

function datasetName(text: string): string {
	if (/[/\\]|^\.*$/.test(text)) throw wrongUsage("--dataset takes a name; its folder is given by --data");
	return text;
}
