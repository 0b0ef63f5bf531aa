// What is to be compared, as files: a recipe is a whole experiment of the paper, a setting the best published parameters of
// a model on a dataset. Both are read strictly: a misspelt word would change what is compared.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { RECIPES } from "@valence/supervisor/paths";
import { parse } from "yaml";
import { FOLDER, recipeNames } from "./recipe-names.js";

export type Params = Record<string, unknown>;
export interface Row {
	model: string;
	label: string | null;
	params: Params;
	/** Values to try of a field; every combination is a point of the row. */
	grid: Record<string, unknown[]>;
}
export interface Recipe {
	name: string;
	title: string;
	seeds: number[];
	protocol: { maskTest: string; cutoffs: number[] };
	metrics: string[];
	/** A line a row, or a line a row and a column a value of the field. */
	layout: "table" | { series: string };
	rows: Row[];
}

export function readRecipe(name: string, folder = FOLDER): Recipe {
	const known = recipeNames(folder);
	if (!known.includes(name)) throw new Error(`there is no recipe ${name}; there are ${known.join(", ")}`);
	return parseRecipe(name, readFileSync(join(folder, `${name}.yaml`), "utf8"));
}

/** Throws an error that names the recipe and the place in it. */
export function parseRecipe(name: string, text: string): Recipe {
	const place = `recipe ${name}`;
	const value = onlyKnown(parse(text), ["title", "seeds", "protocol", "metrics", "layout", "rows"], place);
	const { title, seeds, metrics, layout } = value;
	const protocol = onlyKnown(value.protocol, ["maskTest", "cutoffs"], `${place}, protocol`);
	if (typeof title !== "string") throw new Error(`${place}: title must be text`);
	if (!isListOf(seeds, Number.isInteger)) throw new Error(`${place}: seeds must be a list of whole numbers`);
	if (!isListOf(metrics, isText)) throw new Error(`${place}: metrics must be a list of names`);
	if (!isListOf(protocol.cutoffs, Number.isInteger) || !isText(protocol.maskTest))
		throw new Error(`${place}: protocol needs maskTest and cutoffs`);
	if (!Array.isArray(value.rows) || value.rows.length === 0) throw new Error(`${place}: rows must be a list`);
	const rows = value.rows.map((row, index) => parseRow(row, `${place}, row ${index + 1}`));
	return {
		name,
		title,
		seeds: seeds as number[],
		protocol: protocol as unknown as Recipe["protocol"],
		metrics: metrics as string[],
		layout: parseLayout(layout, rows, place),
		rows,
	};
}

function parseRow(row: unknown, place: string): Row {
	const { model, label = null, params = {}, grid = {} } = onlyKnown(row, ["model", "label", "params", "grid"], place);
	if (!isText(model)) throw new Error(`${place}: model must be a name`);
	if (label !== null && !isText(label)) throw new Error(`${place}: label must be text`);
	if (!isRecord(params)) throw new Error(`${place}: params must be fields with values`);
	if (!isRecord(grid)) throw new Error(`${place}: grid must be fields with lists of values`);
	for (const [field, values] of Object.entries(grid)) {
		if (!isListOf(values, () => true)) throw new Error(`${place}: grid.${field} must be a list of values`);
		if (Object.hasOwn(params, field)) throw new Error(`${place}: ${field} is both in params and in grid`);
	}
	return { model: model as string, label: label as string | null, params, grid: grid as Row["grid"] };
}

function parseLayout(layout: unknown, rows: Row[], place: string): Recipe["layout"] {
	if (layout === "table") return layout;
	const { series } = onlyKnown(layout, ["series"], `${place}, layout`);
	if (!isText(series)) throw new Error(`${place}: layout must be table, or {series: FIELD}`);
	for (const row of rows) {
		const fields = Object.keys(row.grid).join(", ");
		if (fields !== series) throw new Error(`${place}: a row of ${row.model} must have a grid of ${series} alone`);
	}
	return { series: series as string };
}

const isText = (value: unknown) => typeof value === "string" && value !== "";
const isListOf = (value: unknown, fits: (one: unknown) => boolean): value is unknown[] =>
	Array.isArray(value) && value.length > 0 && value.every(fits);

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
/** A mapping with no other fields than these. */
const isRecord = (value: unknown): value is Record<string, unknown> =>
	value !== null && typeof value === "object" && !Array.isArray(value);

function onlyKnown(value: unknown, known: string[], place: string): Record<string, unknown> {
	if (!isRecord(value)) throw new Error(`${place} must have the fields ${known.join(", ")}`);
	const strange = Object.keys(value).find((name) => !known.includes(name));
	if (strange) throw new Error(`${place}: ${strange} is not known; known are ${known.join(", ")}`);
	return value;
}
