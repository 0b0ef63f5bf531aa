// What is to be compared, as files: a recipe is a whole experiment of the paper, a setting the best published parameters of
// a model on a dataset. Both are read strictly: a misspelt word would change what is compared.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { RECIPES } from "@valence/supervisor/paths";
import { parse } from "yaml";
import { FOLDER, recipeNames } from "./recipe-names.js";

export type Params = Record<string, unknown>;
/** How much went into a setting. Searched: on validation, by us; trials: how many configurations were tried, null where nobody
 * kept that. Default: neither published for this data nor searched. */
export interface Effort {
	kind: "published" | "searched" | "default";
	trials: number | null;
}
const KINDS = ["published", "searched", "default"];
/** A row whose params are what the setting of the dataset was chosen with. */
const OF_DATASET = "dataset";

export interface Row {
	model: string;
	label: string | null;
	/** Null: that of the dataset's setting, which the row's params do not change. */
	setting: Effort | null;
	params: Params;
	/** Values to try of a field; every combination is a point of the row. */
	grid: Record<string, unknown[]>;
	/** The label of the row that it is tested against; null: no one row in particular. */
	against: string | null;
}
export interface Recipe {
	name: string;
	title: string;
	seeds: number[];
	protocol: { maskTest: string; cutoffs: number[]; metrics: string[] };
	metrics: string[];
	/** A line a row; a line a row and a column a value of the field; or what each row says of one user. */
	layout: "table" | { series: string } | { case: CaseLayout };
	rows: Row[];
}

/** Whose case it is, and how much of it is shown. */
export interface CaseLayout {
	/** Top items an interest. */
	items: number;
	/** By the dataset's name. */
	users: Record<string, string>;
	/** Of a dataset that names nobody: the least and the most items of history that who is chosen may have. */
	history: [least: number, most: number];
}

/** Null of a recipe that is about no user. */
export const caseOf = ({ layout }: Pick<Recipe, "layout">): CaseLayout | null =>
	typeof layout === "object" && "case" in layout ? layout.case : null;

/** Where a recipe does not say it, and what earlier versions measured without saying so. */
const MEASURED = ["recall", "ndcg"];

/** Whether numbers are of this protocol, whatever the order of its metrics. */
export function isUnder(
	{ maskTest, cutoffs, metrics = MEASURED }: Omit<Recipe["protocol"], "metrics"> & { metrics?: string[] },
	protocol: Recipe["protocol"],
): boolean {
	const sorted = (names: string[]) => [...names].sort();
	return isDeepStrictEqual(
		{ maskTest, cutoffs, metrics: sorted(metrics) },
		{ ...protocol, metrics: sorted(protocol.metrics) },
	);
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
	const given = onlyKnown(value.protocol, ["maskTest", "cutoffs", "metrics"], `${place}, protocol`);
	const protocol = { metrics: MEASURED, ...given } as unknown as Recipe["protocol"];
	if (typeof title !== "string") throw new Error(`${place}: title must be text`);
	if (!isListOf(seeds, Number.isInteger)) throw new Error(`${place}: seeds must be a list of whole numbers`);
	if (!isListOf(metrics, isText)) throw new Error(`${place}: metrics must be a list of names`);
	if (!isListOf(protocol.cutoffs, Number.isInteger) || !isText(protocol.maskTest))
		throw new Error(`${place}: protocol needs maskTest and cutoffs`);
	if (!isListOf(protocol.metrics, isText)) throw new Error(`${place}: protocol.metrics must be a list of names`);
	if (!Array.isArray(value.rows) || value.rows.length === 0) throw new Error(`${place}: rows must be a list`);
	const rows = value.rows.map((row, index) => parseRow(row, `${place}, row ${index + 1}`));
	checkPairs(rows, layout, place);
	return {
		name,
		title,
		seeds: seeds as number[],
		protocol,
		metrics: metrics as string[],
		layout: parseLayout(layout, rows, place),
		rows,
	};
}

function parseRow(row: unknown, place: string): Row {
	const known = ["model", "label", "setting", "params", "grid", "against"];
	const { model, label = null, setting, params = {}, grid = {}, against = null } = onlyKnown(row, known, place);
	if (!isText(model)) throw new Error(`${place}: model must be a name`);
	if (label !== null && !isText(label)) throw new Error(`${place}: label must be text`);
	if (against !== null && !isText(against)) throw new Error(`${place}: against must be the label of a row`);
	if (!isRecord(params)) throw new Error(`${place}: params must be fields with values`);
	if (!isRecord(grid)) throw new Error(`${place}: grid must be fields with lists of values`);
	for (const [field, values] of Object.entries(grid)) {
		if (!isListOf(values, () => true)) throw new Error(`${place}: grid.${field} must be a list of values`);
		if (Object.hasOwn(params, field)) throw new Error(`${place}: ${field} is both in params and in grid`);
	}
	if (setting !== undefined && Object.keys(grid).length > 0)
		throw new Error(`${place}: a row with a grid is searched, and has no setting of its own`);
	// What a row changes would else pass for as well chosen as what it changes.
	if (setting === undefined && Object.keys(params).length > 0 && Object.keys(grid).length === 0)
		throw new Error(`${place}: a row with params needs a setting: {kind: ${KINDS.join(" | ")}}, or ${OF_DATASET}`);
	return {
		model: model as string,
		label: label as string | null,
		setting: setting === undefined || setting === OF_DATASET ? null : parseEffort(setting, `${place}, setting`),
		params,
		grid: grid as Row["grid"],
		against: against as string | null,
	};
}

function checkPairs(rows: Row[], layout: unknown, place: string): void {
	for (const [index, { label, against }] of rows.entries()) {
		if (against === null) continue;
		const where = `${place}, row ${index + 1}: against`;
		if (layout !== "table") throw new Error(`${where} needs the layout table`);
		const others = rows.flatMap((row) => (row.label === null || row.label === label ? [] : [row.label]));
		if (!others.includes(against))
			throw new Error(`${where} must be the label of another row; there are ${others.join(", ") || "none"}`);
	}
}

function parseLayout(layout: unknown, rows: Row[], place: string): Recipe["layout"] {
	if (layout === "table") return layout;
	const { series, case: asked } = onlyKnown(layout, ["series", "case"], `${place}, layout`);
	if (asked !== undefined && series === undefined) return { case: parseCase(asked, rows, place) };
	if (!isText(series) || asked !== undefined)
		throw new Error(`${place}: layout must be table, {series: FIELD} or {case: {items, users, history}}`);
	for (const row of rows) {
		const fields = Object.keys(row.grid).join(", ");
		if (fields !== series) throw new Error(`${place}: a row of ${row.model} must have a grid of ${series} alone`);
	}
	return { series: series as string };
}

/** The api shows so many top items of an interest. */
const MOST_TOP_ITEMS = 100;

function parseCase(asked: unknown, rows: Row[], at: string): CaseLayout {
	const place = `${at}, layout.case`;
	const { items, users, history } = onlyKnown(asked, ["items", "users", "history"], place);
	if (!isCount(items) || items > MOST_TOP_ITEMS)
		throw new Error(`${place}: items must be a whole number from 1 to ${MOST_TOP_ITEMS}`);
	if (!isRecord(users) || !Object.values(users).every(isText))
		throw new Error(`${place}: users must be names of datasets, each with the id of a user as text`);
	if (!isListOf(history, isCount) || history.length !== 2 || (history[0] as number) > (history[1] as number))
		throw new Error(`${place}: history must be the least and the most items, as [20, 60]`);
	if (rows.some(({ grid }) => Object.keys(grid).length > 0)) throw new Error(`${place}: its rows have no grid`);
	return { items, users: users as Record<string, string>, history: history as [number, number] };
}

const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) >= 1;
const isText = (value: unknown) => typeof value === "string" && value !== "";
const isListOf = (value: unknown, fits: (one: unknown) => boolean): value is unknown[] =>
	Array.isArray(value) && value.length > 0 && value.every(fits);

export interface Setting {
	source: string;
	setting: Effort;
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
	const { source, setting, params } = onlyKnown(parse(text), ["source", "setting", "params"], place);
	if (typeof source !== "string" || source === "") throw new Error(`${place}: source must say where it is from`);
	if (!isRecord(params)) throw new Error(`${place}: params must be fields with values`);
	return { source, setting: parseEffort(setting, `${place}, setting`), params };
}

function parseEffort(value: unknown, place: string): Effort {
	const { kind, trials = null } = onlyKnown(value, ["kind", "trials"], place);
	if (!KINDS.includes(kind as string)) throw new Error(`${place}: kind must be ${KINDS.join(", ")}`);
	if (trials !== null && (kind !== "searched" || !Number.isInteger(trials) || (trials as number) < 1))
		throw new Error(`${place}: trials is a whole number, and of what is searched alone`);
	return { kind, trials } as Effort;
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
