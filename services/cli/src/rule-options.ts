// How interactions are filtered and split on their way into a dataset, as options of a command.
import type { ImportRule } from "@valence/client";
import type { Argv } from "yargs";
import { countOf, listOf, MOST_SEED, numberOf, perhaps } from "./arguments.js";
import type { Columns } from "./columns.js";
import { wrongUsage } from "./failure.js";

export const TAKEN = ["min-rating", "k-core", "since", "until"];
export const SPLIT = ["split", "ratios", "seed", "quantiles", "cuts"];
const SPLITS = ["ratio", "leave_last", "temporal", "strong"];
/** `further`: splits that only some commands take. */
export const ruleOptions = <T>(yargs: Argv<T>, further: string[] = []) =>
	yargs
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
			choices: [...SPLITS, ...further],
			requiresArg: true,
			describe: `By chance, each user's last ones, by time, or users held out${further.includes("given") ? "; given: by parts in an archive" : ""} [ratio]`,
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
		.group(TAKEN, "What is taken:")
		.group(SPLIT, "How it is split:");

interface RuleOptions {
	columns?: Columns | undefined;
	"min-rating": number | undefined;
	"k-core": number | undefined;
	split: string | undefined;
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
