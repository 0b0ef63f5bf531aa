// The catalogue by family: a list of twenty names must be searched, one of a few families can be read.

interface Family {
	name: string;
	models: Model[];
}

/** Families by name, their models by title. */
export function familiesOf(models: Model[]): Family[] {
	const families = new Map<string, Model[]>();
	for (const model of [...models].sort((a, b) => a.title.localeCompare(b.title))) {
		families.set(model.family, [...(families.get(model.family) ?? []), model]);
	}
	return [...families]
		.map(([name, members]) => ({ name, models: members }))
		.sort((a, b) => a.name.localeCompare(b.name));
}

/** Whether every word of the search occurs in what the model is called and can do. */
export function matches({ name, title, family, capabilities }: Model, search: string): boolean {
	const said = [name, title, family, ...capabilities].join(" ").toLowerCase().replaceAll("_", "-");
	return search
		.toLowerCase()
		.split(/\s+/)
		.every((word) => said.includes(word));
}

import type { Model } from "@valence/client";
