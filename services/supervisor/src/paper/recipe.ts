// A recipe is a whole experiment of the paper as a file. Read strictly: a misspelt word would change what is compared.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { RECIPES } from "../paths.js";
import { isRecord, onlyKnown } from "./fields.js";

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

const FOLDER = join(RECIPES, "paper");

export function recipeNames(folder = FOLDER): string[] {
	const files = readdirSync(folder).filter((file) => file.endsWith(".yaml"));
	return files.map((file) => file.slice(0, -".yaml".length)).sort();
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
