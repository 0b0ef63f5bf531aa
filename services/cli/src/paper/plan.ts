// A recipe on a dataset becomes the runs it needs, each with its whole configuration, or a list of what is wrong.
import { isDeepStrictEqual } from "node:util";
import type { Model } from "@valence/client";
import { measures } from "../metrics.js";
import type { Effort, Params, Recipe, Row, Setting } from "./recipe.js";

export interface Point {
	/** The values of the row's grid that make this point. */
	chosen: Params;
	/** What is sent: without the fields left at their defaults. */
	params: Params;
	config: Params;
}
export interface PlannedRow {
	label: string;
	model: string;
	source: string;
	setting: Effort;
	/** The label of the row that it is tested against. */
	against: string | null;
	/** One of a closed form, which gives the same numbers with every seed. */
	seeds: number[];
	points: Point[];
}
export interface Want {
	/** What its run is called on the way. */
	name: string;
	model: string;
	params: Params;
	config: Params;
	seed: number;
}

/** Only the rows of these models, all of them without a list. Throws for a model that the recipe has not got. */
export function selectRows(recipe: Recipe, models: string[] | null): Recipe {
	if (!models) return recipe;
	const known = [...new Set(recipe.rows.map((row) => row.model))];
	const strange = models.filter((model) => !known.includes(model));
	if (strange.length > 0) throw new Error(`${recipe.name} has no ${strange.join(", ")}; it has ${known.join(", ")}`);
	return { ...recipe, rows: recipe.rows.filter((row) => models.includes(row.model)) };
}

/** Throws for a metric that no run will have; nothing needs to be running to know that. */
export function checkMetrics({ name, metrics, protocol }: Recipe): void {
	const missing = metrics.filter((metric) => !measures(metric, protocol));
	if (missing.length > 0)
		throw new Error(`${name} shows ${missing.join(", ")}, which the service does not measure yet`);
}

/** Throws one error that names everything that is wrong. */
export function plan(recipe: Recipe, settings: Map<string, Setting>, models: Model[]): PlannedRow[] {
	const byName = new Map(models.map((model) => [model.name, model]));
	const problems = new Set<string>();
	const unknown = [...new Set(recipe.rows.map((row) => row.model))].filter((model) => !byName.has(model));
	if (unknown.length > 0) {
		problems.add(
			`the service does not know ${unknown.join(", ")}; it knows ${[...byName.keys()].join(", ")}. Choose with --models a,b`,
		);
	}
	const rows = recipe.rows.flatMap((row) => {
		const model = byName.get(row.model);
		return model ? [planRow(row, model, recipe, settings.get(row.model), problems)] : [];
	});
	if (problems.size > 0) throw new Error([...problems].join("\n"));
	return rows;
}

const NO_SETTING: Effort = { kind: "default", trials: null };

function planRow(
	row: Row,
	model: Model,
	{ seeds, layout }: Recipe,
	setting: Setting | undefined,
	problems: Set<string>,
): PlannedRow {
	const fields = model.configSchema.properties;
	const defaults = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, field.default]));
	const points = combinations(row.grid).map((chosen) => {
		const params = { ...setting?.params, ...row.params, ...chosen };
		for (const name of Object.keys(params).filter((name) => !Object.hasOwn(fields, name)))
			problems.add(`${row.model} has no field ${name}; it has ${Object.keys(fields).join(", ")}`);
		return { chosen, params, config: { ...defaults, ...params } };
	});
	const source = setting?.source ?? "the model's defaults";
	const needed = model.capabilities.includes("closed_form") ? seeds.slice(0, 1) : seeds;
	const known = row.setting ?? setting?.setting ?? NO_SETTING;
	// A series shows every value and chooses none.
	const isSearched = layout === "table" && Object.keys(row.grid).length > 0;
	const effort: Effort = isSearched ? { kind: "searched", trials: points.length } : known;
	return {
		label: row.label ?? model.title,
		model: row.model,
		source,
		setting: effort,
		against: row.against,
		seeds: needed,
		points,
	};
}

/** Every run the rows need, once: rows may share one. */
export function wants(rows: PlannedRow[]): Want[] {
	const found: Want[] = [];
	for (const { label, model, points, seeds } of rows) {
		for (const { chosen, params, config } of points) {
			if (found.some((want) => want.model === model && isDeepStrictEqual(want.config, config))) continue;
			const values = Object.entries(chosen).map(([field, value]) => `${field} ${value}`);
			const name = [label, ...values].join(" ");
			for (const seed of seeds) found.push({ name: `${name} seed ${seed}`, model, params, config, seed });
		}
	}
	return found;
}

export function combinations(grid: Record<string, unknown[]>): Params[] {
	return Object.entries(grid).reduce<Params[]>(
		(partial, [field, values]) => partial.flatMap((chosen) => values.map((value) => ({ ...chosen, [field]: value }))),
		[{}],
	);
}
