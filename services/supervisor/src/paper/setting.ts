// The best published setting of a model on a dataset, with its source: recipes/DATASET/MODEL.yaml.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { RECIPES } from "../paths.js";
import { isRecord, onlyKnown } from "./fields.js";
import type { Params } from "./recipe.js";

export interface Setting {
	source: string;
	params: Params;
}

/** By model; empty for a dataset that nothing is published for. */
export function readSettings(dataset: string, root = RECIPES): Map<string, Setting> {
	const folder = join(root, dataset);
	// The folder of the recipes lies beside those of the datasets.
	if (dataset === "paper" || !existsSync(folder)) return new Map();
	const files = readdirSync(folder).filter((file) => file.endsWith(".yaml"));
	return new Map(
		files.map((file) => {
			const model = file.slice(0, -".yaml".length);
			return [model, parseSetting(readFileSync(join(folder, file), "utf8"), `setting ${dataset}/${model}`)];
		}),
	);
}

export function parseSetting(text: string, place: string): Setting {
	const { source, params } = onlyKnown(parse(text), ["source", "params"], place);
	if (typeof source !== "string" || source === "") throw new Error(`${place}: source must say where it is from`);
	if (!isRecord(params)) throw new Error(`${place}: params must be fields with values`);
	return { source, params };
}
