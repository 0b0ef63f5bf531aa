// valence compare: runs beside each other under the rules they share, and whether what differs is more than chance.
import { dim, leaveStandardOutput, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { countOf, listOf, MOST_SEED, perhaps } from "../arguments.js";
import { sayComparison } from "../comparison.js";
import { Failure, wrongUsage } from "../failure.js";
import { experimentsOf, findCompared, findDataset } from "../finding.js";
import { remoteOptions, withService } from "../service.js";
import { type TestOptions, tested } from "../testing.js";
import { FORMATS, sayVerdicts, written } from "../verdict-tables.js";

const [LEAST_DRAWS, MOST_DRAWS] = [1_000, 100_000];

export const compare = (line: Argv) =>
	line.command(
		"compare [experiments..]",
		"Compare finished runs: means with intervals, and which differences are more than chance",
		(yargs) =>
			remoteOptions(yargs)
				.positional("experiments", {
					type: "string",
					array: true,
					describe:
						"Names, beginnings of ids, or latest; of single runs as valence runs takes them; all of a dataset without",
				})
				.option("on", {
					type: "string",
					requiresArg: true,
					describe: "The dataset: name, beginning of its id, or latest",
				})
				.option("baseline", {
					type: "string",
					requiresArg: true,
					describe:
						"What the others are compared with: a model, or the beginning of a run's id; each with each without it",
				})
				.option("metrics", {
					type: "string",
					requiresArg: true,
					coerce: perhaps(listOf),
					describe: "Which, as recall@20,ndcg or ndcg@50; all that are means over users without it",
				})
				.option("draws", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => countOf("--draws", text, MOST_DRAWS, LEAST_DRAWS)),
					describe: "Of bootstrap and randomisation, from 1000; enough for the number of tests without it",
				})
				.option("seed", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => countOf("--seed", text, MOST_SEED)),
					describe: "Of what is drawn",
				})
				.option("format", { choices: FORMATS, describe: "Print this instead, for a document or a program" })
				.option("plain", { type: "boolean", describe: "Means only; nothing is tested" })
				.conflicts("format", ["json", "plain"])
				.example("$0 compare", "everything on the newest dataset")
				.example("$0 compare latest --baseline ease", "the newest experiment: what is better than EASE?")
				.example("$0 compare latest --format latex", "as a table for a paper"),
		(options) => {
			const named = options.experiments ?? [];
			if (named.length > 0 && options.on !== undefined)
				throw wrongUsage("--on means all experiments of a dataset; name experiments or a dataset, not both");
			if (options.format !== undefined) leaveStandardOutput();
			return withService(options, async (api) => {
				const ids = named.length
					? named
					: (await experimentsOf(api, (await findDataset(api, options.on)).id)).map(({ id }) => id);
				const items = await findCompared(api, ids.length > 0 ? ids : ["latest"]);
				const found = options.plain ? { missing: null } : await tested(api, items, options satisfies TestOptions);
				if ("comparison" in found) {
					const { comparison, verdicts, footnotes } = found;
					if (options.format) process.stdout.write(written(options.format, comparison, verdicts, footnotes));
					else sayVerdicts(comparison, verdicts, footnotes);
					return comparison;
				}
				if (options.format) throw new Failure(`nothing is tested: ${found.missing}`);
				if (found.missing) say(dim(`\n  Nothing is tested: ${found.missing}.`));
				await sayComparison(api, items);
				return { items };
			});
		},
	);
