import type { Page, Route } from "playwright-core";

const FAMILIES = ["neighbourhood", "linear", "factorisation", "graph", "multi-interest autoencoder"];
const MODELS = 22;

const many = <T>(one: T, name: string) =>
	Array.from({ length: MODELS }, (_, index) => ({ ...one, [name]: `model-${index + 1}-of-many` }));

async function answer(route: Route, change: (body: never) => object): Promise<void> {
	const response = await route.fetch();
	await route.fulfill({ response, json: change((await response.json()) as never) });
}

/** While `work` runs, the catalogue and an experiment's results have as many models as the field knows. */
export async function manyModels(page: Page, experiment: string, work: () => Promise<void>): Promise<void> {
	await page.route(
		(url) => url.pathname === "/models",
		(route) =>
			answer(route, ({ items }: { items: { name: string }[] }) => ({
				items: many(
					items.find(({ name }) => name === "valid"),
					"name",
				).map((model, index) => ({ ...model, title: model.name, family: FAMILIES[index % FAMILIES.length] })),
			})),
	);
	await page.route(
		(url) => url.pathname === `/experiments/${experiment}`,
		(route) =>
			answer(route, (body: { groups: object[] }) => ({
				...body,
				groups: many(body.groups[0], "configHash").map((group) => ({ ...group, model: group.configHash })),
			})),
	);
	// Nobody can say what a model takes that is not there.
	await page.route(
		(url) => url.pathname === "/experiments/estimate",
		(route) => route.fulfill({ json: { models: [] } }),
	);
	await work();
	await page.unrouteAll({ behavior: "wait" });
}
