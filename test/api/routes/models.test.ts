import { startApi, type TestApi } from "../../support/api.js";

let api: TestApi;
beforeAll(async () => {
	api = await startApi();
});
afterAll(() => api.close());

test("the catalogue comes from the trainer, is kept for a while, and outlives it", async () => {
	const first = await api.call("GET", "/models");
	expect(first.status).toBe(200);
	expect(first.body.items.map((model: { name: string }) => model.name)).toEqual(["valid", "popularity"]);
	expect(first.body.items[0].configSchema.properties.k).toMatchObject({ default: 4, minimum: 1, maximum: 64 });
	await api.call("GET", "/models");
	expect(api.trainer.listed).toBe(1);

	const later = Date.now() + 60_000;
	const clock = jest.spyOn(Date, "now").mockImplementation(() => later);
	await api.call("GET", "/models");
	clock.mockRestore();
	expect(api.trainer.listed).toBe(2);

	await api.trainer.close();
	const muchLater = Date.now() + 120_000;
	const still = jest.spyOn(Date, "now").mockImplementation(() => muchLater);
	const answer = await api.call("GET", "/models");
	still.mockRestore();
	expect(answer.body).toEqual(first.body);
});

test("what can be measured is said with its definition and which way is better", async () => {
	const known = await startApi();
	const { status, body } = await known.call("GET", "/metric-definitions");
	await known.close();
	expect(status).toBe(200);
	expect(body.items.map(({ name, better }: never) => [name, better])).toEqual([
		["recall", "higher"],
		["ndcg", "higher"],
		["mrr", "higher"],
		["novelty", null],
		["calibration", "lower"],
		["coverage", "higher"],
	]);
	expect(body.items[5]).toEqual({
		name: "coverage",
		title: "Item coverage",
		definition: "What Item coverage is.",
		ofUser: false,
		better: "higher",
	});
});

/** Words of JSON Schema that no model of ours uses, and some that nobody knows. */
const STRANGE = {
	$defs: { Size: { enum: [1, "two", null, true], title: "Size" } },
	type: "object",
	title: "StrangeConfig",
	"x-first": ["size"],
	"x-more": { deep: [{ er: null }] },
	properties: {
		size: { $ref: "#/$defs/Size", default: 1, deprecated: true, "x-unit": ["rows"] },
		rate: { anyOf: [{ type: "number", minimum: 1e-12 }, { type: "null" }], default: null, examples: [0.5] },
		title: { type: "string", enum: ["", "é"], default: "", title: "Title", minLength: 0 },
		exact: { type: "integer", minimum: -(2 ** 53 - 1), exclusiveMaximum: 1e21, default: [1, { a: false }] },
		open: {},
	},
};

test("nothing that a model says of its configuration is dropped or changed", async () => {
	const strange = await startApi();
	const [model] = strange.trainer.models;
	if (!model) throw new Error("the fake trainer has no model");
	strange.trainer.models = [{ ...model, configSchemaJson: JSON.stringify(STRANGE) }];
	const { status, body } = await strange.call("GET", "/models");
	expect([status, body.items[0].configSchema]).toEqual([200, STRANGE]);
	await strange.close();
});
