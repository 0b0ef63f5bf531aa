// valence compare: the runs of experiments beside each other, under the rules they share.
import type { Argv } from "yargs";
import { sayComparison } from "../comparison.js";
import { wrongUsage } from "../failure.js";
import { experimentsOf, findDataset, findExperiment } from "../finding.js";
import { remoteOptions, withService } from "../service.js";

export const compare = (line: Argv) =>
	line.command(
		"compare [experiments..]",
		"Compare finished runs: means over seeds, best in bold",
		(yargs) =>
			remoteOptions(yargs)
				.positional("experiments", {
					type: "string",
					array: true,
					describe: "Names, beginnings of ids, or latest; all of a dataset without them",
				})
				.option("on", {
					type: "string",
					requiresArg: true,
					describe: "The dataset: name, beginning of its id, or latest",
				})
				.example("$0 compare", "everything on the newest dataset")
				.example("$0 compare latest", "the newest experiment alone"),
		(options) => {
			const named = options.experiments ?? [];
			if (named.length > 0 && options.on !== undefined)
				throw wrongUsage("--on means all experiments of a dataset; name experiments or a dataset, not both");
			return withService(options, async (api) => {
				const ids = named.length
					? named
					: (await experimentsOf(api, (await findDataset(api, options.on)).id)).map(({ id }) => id);
				const items = [];
				for (const text of ids.length > 0 ? ids : ["latest"]) items.push(await findExperiment(api, text));
				sayComparison(items);
				return { items };
			});
		},
	);
