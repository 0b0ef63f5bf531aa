// valence refit RUN: the same training on all interactions, to be deployed; the run itself, which was tested, vouches for it.
import { bold, say } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { findRun, oneRun, short } from "../finding.js";
import { refit, refitDone } from "../refitting.js";
import { remoteOptions, withService } from "../service.js";

export const refitRun = (line: Argv) =>
	line.command(
		"refit <run>",
		"Train a run's configuration on validation and test, too, to deploy that",
		(yargs) =>
			oneRun(remoteOptions(yargs))
				.option("watch", { type: "boolean", describe: "Stay until it is done" })
				.example("$0 refit best --watch", "the best run, for as many steps as its best epoch had taken"),
		(options) =>
			withService(options, async (api) => {
				const begun = await refit(api, await findRun(api, options.run, options.on));
				const run = options.watch ? await refitDone(api, begun) : begun;
				say(
					`\n  Next: ${bold(`valence deploy ${short(run.id)}`)}${run.state === "SUCCEEDED" ? "" : ", once it is done"}`,
				);
				return run;
			}),
	);
