// The command line of `npm run paper`, checked before anything starts.
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { RESULTS } from "../paths.js";
import { recipeNames } from "./recipe.js";

export interface Options {
	recipe: string;
	dataset: string;
	/** Null: those of the recipe. */
	seeds: number[] | null;
	models: string[] | null;
	data: string | null;
	url: string | null;
	key: string | undefined;
	out: string;
	/** Whether runs that results files of `out` hold count as done. */
	reuse: boolean;
}

export const USAGE = `npm run paper -- RECIPE --dataset NAME [options]

  RECIPE            ${recipeNames().join(", ")}
  --dataset NAME    a folder of --data with RecBole files, or sample (built in)
  --data DIR        folder of such folders (../shared/data where there is one)
  --seeds 1,2,5-8   which seeds; those of the recipe without it
  --models a,b      only these models of the recipe; the other lines of the files stay
  --url URL         a running service; without it one is started, its data in .valence/paper
  --key KEY         API key of that service
  --out DIR         where the files go (bench/results)
  --reuse           runs that the JSON files there hold count as done, whoever trained them

Finished runs are not done again: the same command goes on where it stopped, and only prints once all is there.
Delete .valence/paper to start anew.`;

/** Null when help was asked for. */
export function parseOptions(args: string[]): Options | null {
	const { values, positionals } = parseArgs({
		args,
		allowPositionals: true,
		options: {
			dataset: { type: "string" },
			data: { type: "string" },
			seeds: { type: "string" },
			models: { type: "string" },
			url: { type: "string" },
			key: { type: "string" },
			out: { type: "string" },
			reuse: { type: "boolean", default: false },
			help: { type: "boolean", short: "h" },
		},
	});
	if (values.help || args.length === 0) return null;
	const [recipe, ...more] = positionals;
	if (!recipe || more.length > 0) throw new Error(`one recipe is needed: ${recipeNames().join(", ")}`);
	if (!values.dataset) throw new Error("--dataset is needed, for example --dataset sample");
	if (/[/\\]|^\.*$/.test(values.dataset)) throw new Error("--dataset takes a name; its folder is given by --data");
	if (values.url && !/^https?:\/\/[^/]/.test(values.url)) throw new Error("--url takes http://HOST:PORT");
	if (values.key && !values.url) throw new Error("--key goes with --url");
	return {
		recipe,
		dataset: values.dataset,
		seeds: values.seeds === undefined ? null : parseSeeds(values.seeds),
		models: values.models === undefined ? null : values.models.split(",").map((name) => name.trim()),
		data: values.data === undefined ? null : fromCaller(values.data),
		url: values.url?.replace(/\/+$/, "") ?? null,
		key: values.key,
		out: values.out === undefined ? RESULTS : fromCaller(values.out),
		reuse: values.reuse,
	};
}

/** 1,2,5-8 → 1, 2, 5, 6, 7, 8. */
export function parseSeeds(text: string): number[] {
	const seeds = text.split(",").flatMap((part) => {
		const [, from, to = from] = /^\s*(\d{1,9})(?:-(\d{1,9}))?\s*$/.exec(part) ?? [];
		const [first, last] = [Number(from), Number(to)];
		if (!(first <= last && last - first < 1000)) throw new Error(`--seeds takes numbers like 1,2 or 1-10, not ${text}`);
		return Array.from({ length: last - first + 1 }, (_, place) => first + place);
	});
	return [...new Set(seeds)];
}

/** npm runs scripts in the root of the checkout; paths mean the folder where the command was typed. */
const fromCaller = (path: string) => resolve(process.env.INIT_CWD ?? ".", path);
