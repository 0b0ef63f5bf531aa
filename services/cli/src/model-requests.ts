// What is asked for of each model that is to be trained: fields, a grid, or a search.
import type { Model, NewExperiment } from "@valence/client";
import { listOf, ofType, pairOf, readValue } from "./arguments.js";
import { wrongUsage } from "./failure.js";
import { dimensionOf } from "./search-space.js";

type ModelRequest = NewExperiment["models"][number];

interface Asked {
	/** FIELD=VALUE, of the models that have the field, or MODEL.FIELD=VALUE. */
	set?: string[] | undefined;
	grid?: string[] | undefined;
	search?: SearchAsked | undefined;
	processes?: number | undefined;
}
interface SearchAsked {
	trials: number;
	space?: string[] | undefined;
	strategy?: "tpe" | "random" | undefined;
	prune?: "halving" | undefined;
	seed?: number | undefined;
}

/** Every model of the request with its fields; throws for what no model has. */
export function requestsOf(
	names: string[],
	known: Model[],
	{ set = [], grid = [], search, processes }: Asked,
): ModelRequest[] {
	const models = [...new Set(names.map((name) => modelOf(name, known)))];
	const of = (option: string, texts: string[], read: (text: string, field: string, type: unknown) => unknown) => {
		const found = new Map<string, Record<string, unknown>>(models.map(({ name }) => [name, {}]));
		for (const text of texts) {
			const [place, value] = pairOf(option, text);
			const [one, field] = place.includes(".") ? (place.split(/\.(.*)/) as [string, string]) : [null, place];
			const having = models.filter(
				(model) => (one === null || model.name === one) && Object.hasOwn(model.configSchema.properties, field),
			);
			if (having.length === 0) throw wrongUsage(`${option} ${text}: ${nobodyHas(models, one, field)}`);
			for (const { name, configSchema } of having) {
				const { type } = configSchema.properties[field] as { type?: unknown };
				(found.get(name) as Record<string, unknown>)[field] = read(value, place, type);
			}
		}
		return found;
	};
	const params = of("--set", set, (text, place, type) => ofType("--set", place, type, readValue(text)));
	const values = of("--grid", grid, (text, place, type) =>
		listOf(text).map((one) => ofType("--grid", place, type, readValue(one))),
	);
	const spaces = of("--space", search?.space ?? [], (text, place, type) => dimensionOf(place, text, type));
	return models.map(({ name }) => {
		const [given, several, space] = [params, values, spaces].map((found) => filled(found.get(name)));
		if (several && space)
			throw wrongUsage(`--grid does not go with --space of ${name}: a search chooses its own values`);
		const twice = Object.keys(space ?? {}).find((field) => given && field in given);
		if (twice) throw wrongUsage(`--space ${twice} does not go with --set ${twice} of ${name}`);
		return {
			model: name,
			...(given && { params: given }),
			...(several && { grid: several }),
			...(space && search && { search: searchOf(search, space) }),
			...(processes !== undefined && { processes }),
		};
	}) as ModelRequest[];
}

/** By its name or its title, however it is written: Mult-VAE, multvae. */
function modelOf(text: string, known: Model[]): Model {
	const bare = (name: string) => name.toLowerCase().replace(/[^a-z0-9]/g, "");
	const model = known.find(({ name, title }) => [name, title].some((one) => bare(one) === bare(text)));
	if (!model) throw wrongUsage(`there is no model ${text}; there are ${known.map(({ name }) => name).join(", ")}`);
	return model;
}

const filled = (fields: Record<string, unknown> | undefined) =>
	fields && Object.keys(fields).length > 0 ? fields : undefined;

const searchOf = ({ trials, strategy, prune, seed }: SearchAsked, space: Record<string, unknown>) => ({
	trials,
	space,
	...(strategy && { strategy }),
	...(prune && { prune }),
	...(seed !== undefined && { seed }),
});

function nobodyHas(models: Model[], one: string | null, field: string): string {
	const asked = one === null ? models : models.filter(({ name }) => name === one);
	if (asked.length === 0) return `${one} is not trained here`;
	return asked
		.map(
			(model) =>
				`${model.name} has no field ${field}; it has ${Object.keys(model.configSchema.properties).join(", ") || "none"}`,
		)
		.join("\n");
}
