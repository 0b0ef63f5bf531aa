// valence import FILE...: files of any kind become a dataset; --preview shows first how they would be read.

import { statSync } from "node:fs";
import { bold, count, dim, progress, red, say, size, step, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { sayDataset } from "../answers.js";
import { pathOf } from "../arguments.js";
import { COLUMNS_OPTION, columnsOf, refuseUnknown } from "../columns.js";
import { STATUS, wrongUsage } from "../failure.js";
import { filesOf, nameOf, ROLES, type RoleFile, regularFile } from "../file-roles.js";
import { onDataset, short } from "../finding.js";
import { inOptions, preview, problemsOf, settled, toldOf, untilImported, upload, warningsOf } from "../importing.js";
import { ruleOf, ruleOptions, SPLIT, TAKEN } from "../rule-options.js";
import { goesOn, remoteOptions, withService } from "../service.js";

const READING = ["preview", "name", "columns", "skip-bad-rows"];

const part = (describe: string) => ({ type: "string", array: true, nargs: 1, describe }) as const;

export const importFiles = (line: Argv) =>
	line.command(
		"import [files..]",
		"Upload a file or more, and import them as a dataset",
		(yargs) =>
			ruleOptions(remoteOptions(yargs), ["given"])
				.positional("files", {
					type: "string",
					array: true,
					describe: "Tables or archives, or a folder of them; what each is the service sees",
				})
				.option("sample", { type: "boolean", describe: "The service's own generated data instead of a file" })
				.option("preview", { type: "boolean", describe: "Show how they would be read; store nothing" })
				.option("name", {
					type: "string",
					requiresArg: true,
					describe: "Of the dataset; that of the first file without it",
				})
				.option("columns", COLUMNS_OPTION)
				.option("interactions", part("A file of interactions, whatever its name"))
				.option("train", part("A file to train on, whatever its name"))
				.option("valid", part("A file to validate on"))
				.option("test", part("A file to test on"))
				.option("items", part("A file of titles and tags of items"))
				.option("skip-bad-rows", { type: "boolean", describe: "Leave out rows that cannot be read" })
				.group(["sample", ...READING], "Reading:")
				.group([...ROLES], "Parts:")
				.conflicts("sample", [...READING, ...ROLES, ...TAKEN, ...SPLIT])
				.example("$0 import ratings.csv", "one file, split by chance into train, valid and test")
				.example("$0 import ml-latest-small.zip --preview", "how it would be read")
				.example("$0 import ratings.csv --split temporal --since 2026-01-01", "tested on what came last")
				.example("$0 import ml.train.inter ml.test.inter ml.item", "parts by their names")
				.example("$0 import sales.csv --columns user=customer,item=sku", "columns by name")
				.example("$0 import a.csv b.csv --columns a.csv:item=sku,b.csv:item=product", "each file by its own")
				.example("$0 import --sample", "2,000 made-up users, to try things on"),
		(options) => {
			const given = (options.files ?? []).map(pathOf);
			const parts = ROLES.flatMap((role) =>
				(options[role] ?? []).map((path): RoleFile => ({ path: pathOf(path), role })),
			);
			for (const { path } of parts) regularFile(path);
			const files = [...filesOf(given), ...parts];
			if (options.sample && files.length > 0) throw wrongUsage("--sample stands in place of files");
			if (!options.sample && files.length === 0)
				throw wrongUsage("a file is needed, for example: valence import ratings.csv, or --sample");
			const columns = options.columns && columnsOf(options.columns);
			refuseUnknown(columns, files);
			const rule = ruleOf({ ...options, columns });
			return withService(options, async (api) => {
				if (options.preview) {
					const seen = await preview(api, rule, files);
					sayPreview(seen);
					// As an import would: a script may ask before it uploads.
					if (seen.problems.length > 0) process.exitCode = STATUS.failed;
					return seen;
				}
				const { files: sent, rule: fitting } = await settled(api, rule, files);
				const name = options.name ?? nameOf(given, sent);
				const bytes = sent.reduce((sum, { path }) => sum + statSync(path).size, 0);
				const begun = options.sample
					? await step("Ask for the sample", () => api.post("/datasets/sample"))
					: await step(`Upload ${count(sent.length, "file")}, ${size(bytes)}`, () =>
							upload(api, { name, rule: fitting }, sent),
						);
				const isNew = begun.state !== "SUCCEEDED";
				const dataset = await untilImported(api, begun, isNew ? progress(goesOn("valence datasets")) : undefined);
				const here = options.sample ? " is here already" : " is here already, from the same files";
				say(`\n  ${bold(dataset.name)} ${dim(short(dataset.id))}${isNew ? "" : here}\n`);
				if (options.name !== undefined && options.name !== dataset.name)
					say(`  It keeps this name; --name ${options.name} changes nothing of what is there.\n`);
				sayDataset(dataset);
				for (const told of toldOf(dataset)) say(told);
				// What is here already need not be what `latest` means.
				const on = isNew ? "" : await onDataset(api, dataset);
				say(`\n  Next: ${bold(`valence train valid popularity --watch${on}`)}`);
				return dataset;
			});
		},
	);

function sayPreview({ files, problems, warnings }: Awaited<ReturnType<typeof preview>>): void {
	for (const { name, role, dialect, columns, rows } of files) {
		const { format, compression, encoding, separator, header } = dialect;
		const shown = [format, compression, encoding, separator && `separator ${JSON.stringify(separator)}`];
		const told = [...shown, !header && "no header"].filter(Boolean).join(", ");
		say(`\n  ${bold(name)} is ${bold(role)}  ${dim(told)}\n`);
		table(
			["column", "taken as", "why"],
			columns.map((one) => [
				one.name,
				one.role ?? "–",
				[inOptions(one.why), one.form && `written as ${one.form}`].filter(Boolean).join("; "),
			]),
			{ left: [0, 1, 2] },
		);
		if (rows.length > 0) {
			say(dim("\n  the first rows as they are read\n"));
			const cells = rows.slice(0, SHOWN_ROWS).map((row) => row.map((cell) => String(cell ?? "").slice(0, WIDEST_CELL)));
			table(
				columns.map((one) => one.name),
				cells,
				{ left: columns.map((_, column) => column) },
			);
		}
	}
	for (const warning of warningsOf(warnings)) say(warning);
	for (const problem of problemsOf({ problems, problemsTotal: problems.length }))
		say(`${red("  ✗")}${problem.slice(1)}`);
	// Of all but rows, which come after the header, a problem says itself what to do.
	const ofRows = problems.some(({ line }) => line > 1);
	say(
		problems.length === 0
			? "\n  Nothing is stored. Without --preview it is imported."
			: `\n  An import would refuse this${ofRows ? "; --skip-bad-rows leaves out such rows" : ""}.`,
	);
}

const SHOWN_ROWS = 5;
const WIDEST_CELL = 30;
