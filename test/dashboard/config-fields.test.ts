import {
	boundsOf,
	differingFields,
	fieldsOf,
	groupLabelOf,
	labelOf,
	parseField,
	parseFields,
	tellingFields,
} from "../../services/dashboard/src/config-fields";

describe("a field of the form", () => {
	const k = { type: "integer", minimum: 1, maximum: 64 };
	it("takes what its schema allows", () => {
		expect(parseField(k, "4")).toEqual({ value: 4 });
		expect(parseField({ type: "boolean" }, "false")).toEqual({ value: false });
		expect(parseField({ type: "string", enum: ["code", "off"] }, "off")).toEqual({ value: "off" });
		expect(parseField({ type: "integer", enum: [1, 2] }, "2")).toEqual({ value: 2 });
		expect(parseField({ type: "number", exclusiveMinimum: 0 }, "1e-3")).toEqual({ value: 0.001 });
	});
	it.each([
		[k, "0", "at least 1"],
		[k, "65", "at most 64"],
		[k, "2.5", "a whole number"],
		[k, "four", "a number"],
		[{ type: "number", exclusiveMaximum: 1 }, "1", "below 1"],
		[{ type: "boolean" }, "yes", "true or false"],
		[{ enum: ["code", "off"] }, "on", "one of code, off"],
	])("refuses what it does not: %j %s", (schema, text, problem) => {
		expect(parseField(schema, text)).toEqual({ problem });
	});
	it("says its bounds", () => {
		expect(boundsOf(k)).toBe("1 to 64");
		expect(boundsOf({ type: "number", exclusiveMinimum: 0 })).toBe("above 0");
		expect(boundsOf({ type: "number", minimum: 0, exclusiveMaximum: 1 })).toBe("0 to below 1");
		expect(boundsOf({ type: "number", maximum: 5 })).toBe("at most 5");
		expect(boundsOf({ type: "string" })).toBe("");
	});
});

it("puts one value into params and several into the grid", () => {
	const properties = { k: { type: "integer", minimum: 1 }, tau: { type: "number" } };
	expect(parseFields(properties, { k: "2, 4", tau: "0.1" })).toEqual({
		params: { tau: 0.1 },
		grid: { k: [2, 4] },
		problems: {},
	});
	expect(parseFields(properties, { k: "", tau: "a" })).toEqual({
		params: {},
		grid: {},
		problems: { tau: "must be a number" },
	});
	expect(parseFields(properties, { k: "2, 4, 2", tau: "" }).problems).toEqual({ k: "must not repeat a value" });
});

it("names runs by how many processes train them where that differs", () => {
	const run = { model: "valid", seed: 1, config: { k: 2 }, trial: null };
	const runs = [1, 2].map((processes) => ({ ...run, processes }));
	expect(runs.map((one) => labelOf(one, tellingFields(runs)))).toEqual([
		"valid processes=1 seed 1",
		"valid processes=2 seed 1",
	]);
	expect(labelOf(run, tellingFields([run]))).toBe("valid seed 1");
});

it("names runs by what tells them apart from runs of the same model", () => {
	const runs = [
		{ model: "valid", seed: 1, config: { k: 2, tau: 0.1 } },
		{ model: "valid", seed: 1, config: { k: 4, tau: 0.1 } },
		{ model: "popularity", seed: 1, config: {} },
	];
	const telling = tellingFields(runs);
	expect([...(telling.get("valid") ?? [])]).toEqual(["k"]);
	expect([...differingFields(runs)]).toEqual(["k"]);
	expect(runs.map((run) => labelOf({ ...run, trial: null }, telling))).toEqual([
		"valid k=2 seed 1",
		"valid k=4 seed 1",
		"popularity seed 1",
	]);
});

it("names no field of a model that has but one configuration", () => {
	const runs = [
		{ model: "valid", seed: 1, config: { k: 2 } },
		{ model: "valid", seed: 1, config: { k: 4 } },
		{ model: "itemknn", seed: 1, config: { k: 1000 } },
	];
	const telling = tellingFields(runs);
	expect(runs.map((run) => groupLabelOf(run, telling))).toEqual(["valid k=2", "valid k=4", "itemknn"]);
});

it("asks first for what the model says matters, in its order; for all where it says nothing", () => {
	const properties = { a: {}, b: {}, c: {} };
	const names = ({ first, rest }: ReturnType<typeof fieldsOf>) => [
		first.map(([name]) => name),
		rest.map(([name]) => name),
	];
	expect(names(fieldsOf({ configSchema: { properties, "x-first": ["c", "a"] } }))).toEqual([["c", "a"], ["b"]]);
	expect(names(fieldsOf({ configSchema: { properties } }))).toEqual([["a", "b", "c"], []]);
	expect(names(fieldsOf({ configSchema: { properties: {} } }))).toEqual([[], []]);
});

it("marks a field that differs between models that both have it", () => {
	const runs = [{ config: { k: 2, tau: 0.1 } }, { config: { k: 4, tau: 0.1, r: 3 } }];
	expect([...differingFields(runs)]).toEqual(["k"]);
});
