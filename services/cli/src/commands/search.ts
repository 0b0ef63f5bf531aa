// valence search EXPERIMENT: what a search came to, and its winner with fresh seeds.
import type { Client, ExperimentDetail } from "@valence/client";
import { bold, count, dim, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { perhaps, seedsOf } from "../arguments.js";
import { Failure, wrongUsage } from "../failure.js";
import { experimentsOf, findExperiment, LATEST, short } from "../finding.js";
import { saySearch } from "../searching.js";
import { remoteOptions, withService } from "../service.js";

export const search = (line: Argv) =>
	line.command(
		"search [experiment]",
		"Show the searches of an experiment, or train a winner with fresh seeds",
		(yargs) =>
			remoteOptions(yargs)
				.positional("experiment", {
					type: "string",
					default: LATEST,
					describe: "Its name, the beginning of its id, or latest: the newest that searches",
				})
				.option("model", { type: "string", requiresArg: true, describe: "Only the searches of this model" })
				.option("id", {
					type: "string",
					requiresArg: true,
					describe: "Only the search whose id begins so: of a model that is searched twice",
				})
				.option("confirm", {
					type: "boolean",
					describe: "Train the winner with three seeds that the search did not use, and refit it",
				})
				.option("seeds", {
					type: "string",
					requiresArg: true,
					coerce: perhaps(seedsOf),
					describe: "Those of --confirm, as 2,3,4",
				})
				.option("refit", { type: "boolean", default: true, describe: "With --confirm: --no-refit leaves it out" })
				.implies("seeds", "confirm")
				.example("$0 search", "the newest search: its trials, the best one, what it depends on")
				.example("$0 search latest --confirm", "is its winner better by more than luck?"),
		(options) =>
			withService(options, async (api) => {
				const experiment = await searching(api, options.experiment);
				const found = experiment.searches.filter(
					({ id, model }) =>
						(options.model === undefined || model === options.model) && id.startsWith(options.id?.toLowerCase() ?? ""),
				);
				if (found.length === 0) throw wrongUsage(`${experiment.name} has no such search${searchesOf(experiment)}`);
				if (!options.confirm) {
					const items = [];
					for (const one of found) items.push(await saySearch(api, one, experiment));
					return { items };
				}
				const [one, ...more] = found;
				if (!one || more.length > 0)
					throw wrongUsage(
						`${experiment.name} has ${count(found.length, "search")}${searchesOf(experiment)}; name one with --model or --id`,
					);
				const body = { refit: options.refit, ...(options.seeds && { seeds: options.seeds }) };
				const made = await api.post("/searches/{id}/confirm", { path: { id: one.id }, body });
				const { id, name, runs } = made.experiment;
				say(`  ${bold(name)} ${dim(short(id))}: ${count(runs.length, "run")} of trial ${one.best?.number}`);
				if (made.refit) say(`  ${bold("Refit")} ${dim(short(made.refit.id))} of the winner, on all interactions`);
				say(
					`\n  Next: ${bold("valence runs")} shows how far they are, ${bold(`valence compare ${short(id)}`)} what they came to`,
				);
				return made;
			}),
	);

const searchesOf = ({ searches }: ExperimentDetail) =>
	searches.length === 0 ? "" : `; it searches ${searches.map(({ id, model }) => `${model} (${short(id)})`).join(", ")}`;

/** The newest search has often made newer experiments, which search nothing. */
const MOST_LOOKED_AT = 50;

async function searching(api: Client, text: string): Promise<ExperimentDetail> {
	if (text !== LATEST) return findExperiment(api, text);
	for (const { id } of (await experimentsOf(api)).slice(0, MOST_LOOKED_AT)) {
		const one = await api.get("/experiments/{id}", { path: { id } });
		if (one.searches.length > 0) return one;
	}
	throw new Failure("nothing was searched lately; valence train MODEL --search TRIALS --space FIELD=LOW..HIGH does");
}
