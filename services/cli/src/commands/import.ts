// valence import FILE...: files of any kind become a dataset; --preview shows first how they would be read.

import { statSync } from "node:fs";
import { basename } from "node:path";
import type { ImportRule, Preview } from "@valence/client";
import { quoted } from "@valence/supervisor/paths";
import { bold, count, dim, progress, red, say, size, step, table } from "@valence/supervisor/terminal";
import type { Argv } from "yargs";
import { sayDataset } from "../answers.js";
import { countOf, listOf, MOST_SEED, numberOf, pairOf, pathOf } from "../arguments.js";
import { STATUS, wrongUsage } from "../failure.js";
import { filesOf, nameOf, ROLES, type Role, type RoleFile } from "../file-roles.js";
import { short } from "../finding.js";
import { preview, problemsOf, untilImported, upload } from "../importing.js";
import { remoteOptions, withService } from "../service.js";

const COLUMNS = ["user", "item", "rating", "timestamp", "title", "tags"];

const READING = ["preview", "name", "columns", "skip-bad-rows"];
const TAKEN = ["min-rating", "k-core", "since", "until"];
const SPLIT = ["split", "ratios", "seed", "quantiles", "cuts"];
const SPLITS = ["ratio", "leave_last", "temporal", "strong"] as const;

const perhaps =
	<T>(read: (text: string) => T) =>
	(text?: string) =>
		text === undefined ? undefined : read(text);

const part = (describe: string) => ({ type: "string", array: true, nargs: 1, describe }) as const;

export const importFiles = (line: Argv) =>
	line.command(
		"import [files..]",
		"Upload a file or more, and import them as a dataset",
		(yargs) =>
			remoteOptions(yargs)
				.positional("files", {
					type: "string",
					array: true,
					describe: "Tables or archives, or a folder of them; names with train, valid, test or items say the part",
				})
				.option("sample", { type: "boolean", describe: "The service's own generated data instead of a file" })
				.option("preview", { type: "boolean", describe: "Show how they would be read; store nothing" })
				.option("name", {
					type: "string",
					requiresArg: true,
					describe: "Of the dataset; that of the first file without it",
				})
				.option("columns", {
					type: "string",
					requiresArg: true,
					coerce: perhaps(columnsOf),
					describe: `Which columns, as user=customer,item=sku,items.title=name, of one file as orders.csv:item=product, or by place as user=1; also ${COLUMNS.slice(2).join(", ")}`,
				})
				.option("interactions", part("A file of interactions, whatever its name"))
				.option("train", part("A file to train on, whatever its name"))
				.option("valid", part("A file to validate on"))
				.option("test", part("A file to test on"))
				.option("items", part("A file of titles and tags of items"))
				.option("min-rating", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => numberOf("--min-rating", text)),
					describe: "Rows with a lower rating are left out",
				})
				.option("k-core", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => countOf("--k-core", text, 1000)),
					describe: "Users and items with fewer interactions are left out",
				})
				.option("since", {
					type: "string",
					requiresArg: true,
					describe: "The first moment that counts, a day or a time with its zone: 2026-12-31T18:00Z",
				})
				.option("until", { type: "string", requiresArg: true, describe: "The first moment that no longer counts" })
				.option("split", {
					choices: SPLITS,
					requiresArg: true,
					describe: "By chance, each user's last ones, by time, or users held out [ratio]",
				})
				.option("ratios", {
					type: "string",
					requiresArg: true,
					coerce: perhaps(ratiosOf),
					describe: "Parts to train, validate and test [0.8,0.1,0.1]; of strong parts of the users",
				})
				.option("quantiles", {
					type: "string",
					requiresArg: true,
					coerce: perhaps(quantilesOf),
					describe: "Of temporal: where validation and test begin [0.8,0.9]",
				})
				.option("cuts", {
					type: "string",
					requiresArg: true,
					coerce: perhaps(cutsOf),
					describe: "Of temporal, instead of quantiles two times, as 2026-01-01,2026-02-01",
				})
				.option("seed", {
					type: "string",
					requiresArg: true,
					coerce: perhaps((text) => countOf("--seed", text, MOST_SEED)),
					describe: "Of ratio and strong [42]",
				})
				.option("skip-bad-rows", { type: "boolean", describe: "Leave out rows that cannot be read" })
				.group(["sample", ...READING], "Reading:")
				.group([...ROLES], "Parts:")
				.conflicts("sample", [...READING, ...ROLES, ...TAKEN, ...SPLIT])
				.group(TAKEN, "What is taken:")
				.group(SPLIT, "How it is split:")
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
			for (const { path } of parts) filesOf([path]);
			const files = [...filesOf(given), ...parts];
			if (options.sample && files.length > 0) throw wrongUsage("--sample stands in place of files");
			if (!options.sample && files.length === 0)
				throw wrongUsage("a file is needed, for example: valence import ratings.csv, or --sample");
			refuseUnknown(options.columns, files);
			const name = options.name ?? nameOf(given, files);
			const rule = ruleOf(options);
			return withService(options, async (api) => {
				if (options.preview) {
					const seen = await preview(api, rule, files);
					sayPreview(seen);
					// As an import would: a script may ask before it uploads.
					if (seen.problems.length > 0) process.exitCode = STATUS.failed;
					return seen;
				}
				const bytes = files.reduce((sum, { path }) => sum + statSync(path).size, 0);
				const begun = options.sample
					? await step("Ask for the sample", () => api.post("/datasets/sample"))
					: await step(`Upload ${count(files.length, "file")}, ${size(bytes)}`, () =>
							upload(api, { name, rule }, files),
						);
				const isNew = begun.state !== "SUCCEEDED";
				const dataset = await untilImported(api, begun, isNew ? progress() : undefined);
				const here = options.sample ? " is here already" : " is here already, from the same files";
				say(`\n  ${bold(dataset.name)} ${dim(short(dataset.id))}${isNew ? "" : here}\n`);
				sayDataset(dataset);
				for (const problem of problemsOf(dataset)) say(problem);
				// What is here already need not be what `latest` means.
				const on = isNew ? "" : ` --on ${quoted(dataset.name)}`;
				say(`\n  Next: ${bold(`valence train valid popularity --watch${on}`)}`);
				return dataset;
			});
		},
	);

interface RuleOptions {
	columns: Columns | undefined;
	"min-rating": number | undefined;
	"k-core": number | undefined;
	split: (typeof SPLITS)[number] | undefined;
	ratios: number[] | undefined;
	seed: number | undefined;
	quantiles: number[] | undefined;
	cuts: string[] | undefined;
	since: string | undefined;
	until: string | undefined;
	"skip-bad-rows"?: boolean | undefined;
}

export function ruleOf({ columns, since, until, ...options }: RuleOptions): ImportRule {
	const { ratios, seed, quantiles, cuts: at } = options;
	const own = Object.entries({ ratios, seed, quantiles, at }).filter(([, value]) => value !== undefined);
	const kind = options.split ?? (quantiles || at ? "temporal" : "ratio");
	const rule = {
		columns,
		split: options.split || own.length > 0 ? { kind, ...Object.fromEntries(own) } : undefined,
		since,
		until,
		minRating: options["min-rating"],
		kCore: options["k-core"],
		skipBadRows: options["skip-bad-rows"] || undefined,
	};
	return Object.fromEntries(Object.entries(rule).filter(([, value]) => value !== undefined));
}

/**
 * user=customer for every file, items.title=name for the files of one part, orders.csv:user=customer for one file, whose
 * name may hold dots and colons; whole numbers are positions, from 1.
 */
function columnsOf(text: string): Columns {
	const columns: Columns = {};
	for (const one of listOf(text)) {
		const [place, column] = pairOf("--columns", one);
		const [, file, part, name = ""] = /^(?:(.+):|([^.]*)\.)?([^.:]*)$/.exec(place) ?? [];
		if (!COLUMNS.includes(name) || (part !== undefined && !ROLES.some((role) => role === part)))
			throw wrongUsage(
				`--columns knows ${COLUMNS.join(", ")}, for one part as items.title, for one file as orders.csv:title, not ${place}; it is written user=customer,item=sku`,
			);
		const said = { [name]: /^[1-9]\d{0,4}$/.test(column) ? Number(column) : column };
		if (file !== undefined) columns.files = { ...columns.files, [file]: { ...columns.files?.[file], ...said } };
		else if (part !== undefined) columns[part as Role] = { ...columns[part as Role], ...said };
		else Object.assign(columns, said);
	}
	return columns;
}
type Named = Record<string, string | number>;
type Columns = { [role in Role]?: Named } & { files?: Record<string, Named> };

/** Before anything is sent; what is called `shop.zip: orders.csv` lies in an archive, into which the service looks. */
function refuseUnknown(columns: Columns | undefined, files: RoleFile[]): void {
	const names = files.map(({ path }) => basename(path));
	const isThere = (name: string) => names.some((one) => name === one || name.startsWith(`${one}: `));
	const unknown = Object.keys(columns?.files ?? {}).find((name) => !isThere(name));
	if (unknown === undefined) return;
	const more = names.length > 20 ? ` and ${names.length - 20} more` : "";
	throw wrongUsage(`--columns names ${unknown}, but the files are ${names.slice(0, 20).join(", ")}${more}`);
}

function ratiosOf(text: string): number[] {
	const ratios = listOf(text).map((one) => numberOf("--ratios", one));
	if (ratios.length !== 3) throw wrongUsage("--ratios takes three parts, as 0.8,0.1,0.1");
	return ratios;
}

function quantilesOf(text: string): number[] {
	const quantiles = listOf(text).map((one) => numberOf("--quantiles", one));
	if (quantiles.length !== 2) throw wrongUsage("--quantiles takes two, as 0.8,0.9");
	return quantiles;
}

function cutsOf(text: string): string[] {
	const cuts = listOf(text);
	if (cuts.length !== 2) throw wrongUsage("--cuts takes two times, as 2026-01-01,2026-02-01");
	return cuts;
}

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
				[one.why, one.form && `written as ${one.form}`].filter(Boolean).join("; "),
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
	for (const warning of misread(warnings)) say(`  !${warning.slice(1)}`);
	for (const problem of misread(problems)) say(`${red("  ✗")}${problem.slice(1)}`);
	// Of all but rows, which come after the header, a problem says itself what to do.
	const ofRows = problems.some(({ line }) => line > 1);
	say(
		problems.length === 0
			? "\n  Nothing is stored. Without --preview it is imported."
			: `\n  An import would refuse this${ofRows ? "; --skip-bad-rows leaves out such rows" : ""}.`,
	);
}
const misread = (problems: Preview["problems"]) => problemsOf({ problems, problemsTotal: problems.length });

const SHOWN_ROWS = 5;
const WIDEST_CELL = 30;
