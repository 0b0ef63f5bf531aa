// A model's configuration as form fields: text in, checked values out, and what differs between runs. Ajv would check
// the whole of JSON Schema, but it compiles code while running, which the page's policy forbids.

import { type ConfigField, type Model, plain, type Run } from "@valence/client";
import { brief } from "./format";

/** The value a text stands for, or why it cannot be. Empty text means the default. */
export function parseField(schema: ConfigField, text: string): { value: unknown } | { problem: string } {
	if (schema.enum) {
		const at = schema.enum.map(plain).indexOf(text);
		return at >= 0 ? { value: schema.enum[at] } : { problem: `one of ${schema.enum.map(plain).join(", ")}` };
	}
	if (schema.type === "boolean") {
		return text === "true" || text === "false" ? { value: text === "true" } : { problem: "true or false" };
	}
	if (schema.type === "integer" || schema.type === "number") {
		const value = Number(text);
		if (text.trim() === "" || !Number.isFinite(value)) return { problem: "a number" };
		if (schema.type === "integer" && !Number.isInteger(value)) return { problem: "a whole number" };
		const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
		if (minimum !== undefined && value < minimum) return { problem: `at least ${minimum}` };
		if (maximum !== undefined && value > maximum) return { problem: `at most ${maximum}` };
		if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) return { problem: `above ${exclusiveMinimum}` };
		if (exclusiveMaximum !== undefined && value >= exclusiveMaximum) return { problem: `below ${exclusiveMaximum}` };
		return { value };
	}
	return { value: text };
}

/** One value goes into params, several separated by commas into the grid. */
export function parseFields(properties: Record<string, ConfigField>, texts: Record<string, string>) {
	const params: Record<string, unknown> = {};
	const grid: Record<string, unknown[]> = {};
	const problems: Record<string, string> = {};
	for (const [name, text] of Object.entries(texts)) {
		const schema = properties[name];
		if (!schema || text.trim() === "") continue;
		const parsed = text.split(",").map((part) => parseField(schema, part.trim()));
		const wrong = parsed.find((one) => "problem" in one);
		if (wrong) problems[name] = `must be ${wrong.problem}`;
		else {
			const values = parsed.map((one) => (one as { value: unknown }).value);
			if (new Set(values).size < values.length) problems[name] = "must not repeat a value";
			else if (values.length === 1) params[name] = values[0];
			else grid[name] = values;
		}
	}
	return { params, grid, problems };
}

export const boundsOf = (schema: ConfigField): string => {
	const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = schema;
	const low = minimum ?? (exclusiveMinimum === undefined ? undefined : `above ${exclusiveMinimum}`);
	const high = maximum ?? (exclusiveMaximum === undefined ? undefined : `below ${exclusiveMaximum}`);
	if (low === undefined) return high === undefined ? "" : maximum === undefined ? `${high}` : `at most ${high}`;
	if (high === undefined) return minimum === undefined ? `${low}` : `at least ${low}`;
	return `${low} to ${high}`;
};

/** What its numbers follow from, beside model and seed; 1 process unless it says how many. */
type Configured = Pick<Run, "config"> & Partial<Pick<Run, "processes">>;

const settingsOf = ({ config, processes = 1 }: Configured): Record<string, unknown> => ({ ...config, processes });

/** Names of configuration fields whose values differ among the runs that have them, and of what else tells them apart. */
export function differingFields(runs: Configured[]): Set<string> {
	const settings = runs.map(settingsOf);
	const names = new Set(settings.flatMap((one) => Object.keys(one)));
	const valuesOf = (name: string) => settings.filter((one) => name in one).map((one) => JSON.stringify(one[name]));
	return new Set([...names].filter((name) => new Set(valuesOf(name)).size > 1));
}

/** Of each model, the fields that its runs are told apart by. */
export type Telling = ReadonlyMap<string, Set<string>>;

/** Fields that tell runs of the same model apart; other models have other fields anyway. */
export const tellingFields = (runs: (Pick<Run, "model"> & Configured)[]): Telling =>
	new Map(
		[...new Set(runs.map((run) => run.model))].map((model) => [
			model,
			differingFields(runs.filter((run) => run.model === model)),
		]),
	);

/** "k=4 tau=0.1": what sets a configuration apart from others of its model; empty where there is no other. */
export function describe(one: Pick<Run, "model"> & Configured, telling: Telling): string {
	const settings = settingsOf(one);
	return [...(telling.get(one.model) ?? [])]
		.filter((name) => name in settings)
		.map((name) => `${name}=${brief(settings[name])}`)
		.join(" ");
}

/** A configuration among others, whatever its seeds. */
export const groupLabelOf = (group: Pick<Run, "model"> & Configured, telling: Telling) =>
	[group.model, describe(group, telling)].filter(Boolean).join(" ");

/** A short name for a run among others: its model, what sets its configuration apart, its seed, or its number as a trial. */
export const labelOf = (run: Pick<Run, "model" | "seed" | "trial"> & Configured, telling: Telling) =>
	`${groupLabelOf(run, telling)} ${run.trial ? `trial ${run.trial.number}` : `seed ${run.seed}`}`;

type Named = [name: string, schema: ConfigField];

/** Fields that the model says matter first, in its order, and the others; all of them where it says nothing. */
export function fieldsOf(model: Pick<Model, "configSchema">): { first: Named[]; rest: Named[] } {
	const { properties, "x-first": named = [] } = model.configSchema;
	const all = Object.entries(properties);
	if (named.length === 0) return { first: all, rest: [] };
	const first = named.flatMap((name): Named[] => (properties[name] ? [[name, properties[name]]] : []));
	return { first, rest: all.filter(([name]) => !named.includes(name)) };
}
