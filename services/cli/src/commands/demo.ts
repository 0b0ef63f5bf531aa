// valence demo: the main job on a generated sample; or, with --live, the sample as a stream that keeps coming.
import type { Argv } from "yargs";
import { pathOf } from "../arguments.js";
import { wrongUsage } from "../failure.js";
import { inJson, jsonOption } from "../json.js";

export const demo = (line: Argv) =>
	line.command(
		"demo",
		"See it all on a generated sample: import, train, compare, deploy, recommend",
		(yargs) =>
			jsonOption(yargs, "the figures")
				.option("live", {
					type: "boolean",
					conflicts: "data",
					describe:
						"The sample as a stream instead: people are answered by what they just did, refreshes renew the model",
				})
				.option("data", {
					type: "string",
					requiresArg: true,
					coerce: (path?: string) => (path === undefined ? undefined : pathOf(path)),
					describe: "A folder of files of your own instead, as valence import takes it",
				})
				.option("keep", { type: "boolean", describe: "Stay open, and leave the home on the disk" })
				.option("set", {
					type: "string",
					array: true,
					nargs: 1,
					describe: "FIELD=VALUE of VALID's configuration",
				})
				.option("seed", {
					type: "string",
					requiresArg: true,
					default: "1",
					coerce: seedOf,
					describe: "Of the training",
				})
				.option("results", {
					type: "string",
					requiresArg: true,
					coerce: (path?: string) => (path === undefined ? undefined : pathOf(path)),
					describe: "Write the figures into this file",
				})
				.example("$0 demo", "a minute or two; it removes all it made")
				.example("$0 demo --keep", "and the dashboard stays open")
				.example("$0 demo --live", "feeds, live answers and refreshes, one of which is refused"),
		({ json, ...given }) =>
			inJson(
				json,
				async (print) => {
					const options = { ...given, print };
					if (options.live) await (await import("../demo/live.js")).playLive(options);
					else await (await import("../demo/tour.js")).playTour(options);
				},
				{ isTold: true },
			),
	);

function seedOf(text: string): number {
	if (!/^\d{1,9}$/.test(text)) throw wrongUsage("--seed takes a whole number");
	return Number(text);
}
