// valence train MODEL...: an experiment on a dataset, followed to its end when that is wanted.
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, ExperimentDetail, Model, NewExperiment, Run } from "@valence/client";
import { bold, count, dim, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { listOf, pairOf, readValue, seedsOf } from "../arguments.js";
import { Board } from "../board.js";
import { sayComparison } from "../comparison.js";
import { Failure, STATUS, wrongUsage } from "../failure.js";
import { findDataset, short } from "../finding.js";
import { refitDone } from "../refitting.js";
import { remoteOptions, withService } from "../service.js";
import { watchExperiment } from "../watching.js";

/** The sweeper of a worker comes by more often. */
const REFIT_MS = 120_000;
type ModelRequest = NewExperiment["models"][number];

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
				.option("seeds", { type: "string", requiresArg: true, default: "1", coerce: seedsOf, describe: "As 1,2,5-8" })
				.option("name", { type: "string", requiresArg: true, describe: "Of the experiment" })
				.option("refit", {
					type: "boolean",
					describe: "Then train the best one on validation and test, too: the one to deploy",
				})
				.option("watch", { type: "boolean", describe: "Stay until all is done, and compare" })
				.example("$0 train valid popularity --watch", "on the newest dataset")
				.example("$0 train valid --set k=8 --set learning_rate=0.005", "with fields of its own")
				.example("$0 train valid ease --seeds 1-5 --on movies", "five seeds each, and their mean"),
		(options) =>
			withService(options, async (api, { url }) => {
				const { items } = await api.get("/models");
				const models = requestsOf(options.models, items, options.set ?? [], options.grid ?? []);
				const dataset = await findDataset(api, options.on);
				const name = options.name && { name: options.name };
				const refit = options.refit && { refit: true };
				const body = { ...name, dataset: dataset.id, models, seeds: options.seeds, ...refit };
				const begun = await api.post("/experiments", { body });
				say(
					`  ${bold(begun.name)} ${dim(short(begun.id))}: ${count(begun.runs.length, "run")} on ${dataset.name}  ${dim(`${url}/ui/`)}`,
				);
				const held = (dataset.rule.split as { kind?: string } | undefined)?.kind === "strong";
				if (held) say(dim("  measured on users held out of the training, by what of theirs is folded in"));
				if (!options.watch) {
					say(
						`\n  Next: ${bold("valence runs")} shows them, ${bold(`valence compare ${short(begun.id)}`)} compares them`,
					);
					return begun;
				}
				return follow(api, begun);
			}),
	);

/** Every model of the request with its fields; throws for what no model has. */
export function requestsOf(names: string[], known: Model[], set: string[], grid: string[]): ModelRequest[] {
	const models = [...new Set(names)].map((name) => {
		const model = known.find((one) => one.name === name);
		if (!model) throw wrongUsage(`there is no model ${name}; there are ${known.map((one) => one.name).join(", ")}`);
		return model;
	});
	const of = (option: string, texts: string[], read: (text: string) => unknown) => {
		const found = new Map<string, Record<string, unknown>>(models.map(({ name }) => [name, {}]));
		for (const text of texts) {
			const [place, value] = pairOf(option, text);
			const [one, field] = place.includes(".") ? (place.split(/\.(.*)/) as [string, string]) : [null, place];
			const having = models.filter(
				(model) => (one === null || model.name === one) && Object.hasOwn(model.configSchema.properties, field),
			);
			if (having.length === 0) throw wrongUsage(`${option} ${text}: ${nobodyHas(models, one, field)}`);
			for (const { name } of having) (found.get(name) as Record<string, unknown>)[field] = read(value);
		}
		return found;
	};
	const params = of("--set", set, readValue);
	const values = of("--grid", grid, (text) => listOf(text).map(readValue));
	return models.map(({ name }) => ({
		model: name,
		...(Object.keys(params.get(name) ?? {}).length > 0 && { params: params.get(name) }),
		...(Object.keys(values.get(name) ?? {}).length > 0 && { grid: values.get(name) as Record<string, unknown[]> }),
	})) as ModelRequest[];
}

function nobodyHas(models: Model[], one: string | null, field: string): string {
	const asked = one === null ? models : models.filter(({ name }) => name === one);
	if (asked.length === 0) return `${one} is not trained here`;
	return asked
		.map(
			(model) =>
				`${model.name} has no field ${field}; it has ${Object.keys(model.configSchema.properties).join(", ") || "none"}`,
		)
		.join("\n");
}

/** To its end; throws when a run came to nothing. */
async function follow(api: Client, begun: ExperimentDetail): Promise<ExperimentDetail> {
	const board = new Board();
	process.once("SIGINT", () => {
		board.close();
		say(`\n  The service goes on; ${bold("valence runs")} shows how far it is.`);
		process.exit(STATUS.interrupted);
	});
	const done = await watchExperiment(api, begun, board);
	sayComparison([done]);
	const failed = done.runs.filter(({ state }) => state !== "SUCCEEDED").length;
	if (failed > 0)
		throw new Failure(`${count(failed, "run")} of ${done.runs.length} came to nothing; valence runs RUN says why`);
	const refitted = done.refit ? await refitDone(api, await refitOf(api, done.id)) : null;
	say(`\n  Next: ${bold(refitted ? `valence deploy ${short(refitted.id)}` : "valence deploy best")}`);
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
