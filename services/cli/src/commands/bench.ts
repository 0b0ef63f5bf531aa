// valence bench NAME: the scripts of bench/, each measures against a comparator of the same run.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ROOT } from "@valence/supervisor/paths";
import type { Argv } from "yargs";

const names = () => readdirSync(join(ROOT, "bench")).flatMap((file) => /^(.+)\.(?:py|ts)$/.exec(file)?.[1] ?? []);

export const bench = (line: Argv) =>
	line.command(
		"bench <name> [options..]",
		"Measure against a comparator of the same run",
		(yargs) =>
			yargs
				.positional("name", {
					type: "string",
					demandOption: true,
					choices: names().sort(),
					describe: "What to measure",
				})
				.positional("options", { type: "string", array: true, describe: "Of the script: valence bench NAME -- --help" })
				.parserConfiguration({ "unknown-options-as-args": true })
				.strictOptions(false)
				.example("$0 bench http --quick", "a few minutes on the sample"),
		async () => {
			const given = process.argv.slice(process.argv.indexOf("bench") + 1).filter((word) => word !== "--");
			process.argv = [process.execPath, join(ROOT, "scripts/bench.mjs"), ...given];
			// In this process, so that a signal reaches whatever is at work.
			await import(pathToFileURL(join(ROOT, "scripts/bench.mjs")).href);
		},
	);
