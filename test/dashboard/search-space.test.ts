import {
	combinationsOf,
	type DimensionTexts,
	parseDimension,
	parseSearch,
	suggestedDimension,
	suggestedSearch,
	withDimension,
} from "../../services/dashboard/src/search-space";

const whole = { type: "integer", minimum: 1, maximum: 64, default: 4 };
const number = { type: "number", minimum: 0.03, maximum: 10, default: 0.1 };
const range = (low: string, high: string, more: Partial<DimensionTexts> = {}): DimensionTexts => ({
	...{ kind: "range", low, high, step: "", isLog: false, values: "" },
	...more,
});
const values = (text: string): DimensionTexts => ({ ...range("", ""), kind: "values", values: text });

describe("what is suggested for a field", () => {
	it.each([
		[whole, { low: "1", high: "16", isLog: true }],
		[number, { low: "0.03", high: "1", isLog: true }],
		[
			{ type: "number", exclusiveMinimum: 0, maximum: 1e6, default: 50 },
			{ low: "5", high: "500", isLog: true },
		],
		[
			{ type: "number", minimum: 0, maximum: 5, default: 0.6 },
			{ low: "0", high: "5", isLog: false },
		],
		[
			{ type: "number", exclusiveMinimum: 0, maximum: 1, default: 0.001 },
			{ low: "0.0001", high: "0.01", isLog: true },
		],
		[
			{ type: "number", minimum: 0, exclusiveMaximum: 1, default: 0.5 },
			{ low: "0", high: "0.99", isLog: false },
		],
		[
			{ type: "integer", minimum: 0, maximum: 1000, default: 0 },
			{ low: "0", high: "10", isLog: false },
		],
		[
			{ type: "integer", minimum: 8, maximum: 8192, default: 8 },
			{ low: "8", high: "32", isLog: true },
		],
	])("is a range around its default, inside its bounds: %j", (schema, texts) => {
		const suggested = suggestedDimension(schema);
		expect(suggested).toMatchObject({ kind: "range", ...texts });
		expect(parseDimension(schema, suggested)).toHaveProperty("dimension");
	});
	it("is every value of a field that takes some", () => {
		expect(suggestedDimension({ type: "string", enum: ["code", "off"] })).toMatchObject({ values: "code,off" });
		expect(suggestedDimension({ type: "boolean" })).toMatchObject({ kind: "values", values: "true,false" });
	});
	it("is of the first fields of a model that shape what it learns", () => {
		const properties = {
			tau: number,
			epochs: whole,
			k: whole,
			gumbel: { type: "boolean" },
			width: whole,
			rest: number,
		};
		const configSchema = { properties, "x-first": ["k", "epochs", "gumbel", "width", "tau"] };
		expect(Object.keys(suggestedSearch({ configSchema }).space)).toEqual(["k", "gumbel", "width"]);
	});
});

describe("a field that is searched", () => {
	it("is a range with its scale or step, or values", () => {
		expect(parseDimension(number, range("0.05", "0.5", { isLog: true }))).toEqual({
			dimension: { low: 0.05, high: 0.5, log: true },
		});
		expect(parseDimension(whole, range("2", "8", { step: "2" }))).toEqual({ dimension: { low: 2, high: 8, step: 2 } });
		// 0.3 - 0.1 is less than 0.2 in binary fractions.
		expect(parseDimension(number, range("0.1", "0.3", { step: "0.2" }))).toEqual({
			dimension: { low: 0.1, high: 0.3, step: 0.2 },
		});
		expect(parseDimension(whole, values("2, 4,8"))).toEqual({ dimension: { values: [2, 4, 8] } });
	});
	it.each([
		[whole, range("2", ""), "must be a number where it ends"],
		[whole, range("0", "4"), "must be at least 1 where it begins"],
		[whole, range("4", "4"), "must end above where it begins"],
		[{ type: "number" }, range("0", "1", { isLog: true }), "must begin above 0 on a log scale"],
		[number, range("1", "2", { step: "3" }), "must have a step above 0, no wider than the range"],
		[number, range("0.1", "0.3", { step: "0.201" }), "must have a step above 0, no wider than the range"],
		[whole, range("1", "4", { step: "0.5" }), "must have a whole number as its step"],
		[whole, values("2"), "must have two values or more, with commas"],
		[whole, values("2,2"), "must not repeat a value"],
		[whole, values("2,x"), "must be a number"],
	])("is refused with the reason: %j %j", (schema, texts, problem) => {
		expect(parseDimension(schema, texts)).toEqual({ problem });
	});
});

describe("a search", () => {
	const properties = { k: whole, tau: number };
	const asked = { trials: "6", strategy: "tpe" as const, isPruned: true, seed: "3", space: { k: values("2,4,8") } };
	it("is sent as it is chosen", () => {
		expect(parseSearch(properties, { ...asked, trials: "3" })).toEqual({
			search: { strategy: "tpe", trials: 3, space: { k: { values: [2, 4, 8] } }, prune: "halving", seed: 3 },
			problems: {},
			own: {},
		});
	});
	it("has no more trials than configurations, at least a field, and numbers that are ones", () => {
		expect(parseSearch(properties, asked).own).toEqual({
			trials: "must be at most 3: there are no more configurations",
		});
		expect(parseSearch(properties, withDimension(asked, "tau", range("0.1", "1"))).own).toEqual({});
		expect(parseSearch(properties, withDimension(asked, "k", undefined)).own).toHaveProperty("space");
		expect(parseSearch(properties, { ...asked, trials: "many", seed: "-1" }).own).toEqual({
			trials: "must be a whole number from 1 to 1000",
			seed: "must be a whole number from 0 to 2147483647",
		});
		expect(parseSearch(properties, withDimension(asked, "k", values("x,y")))).toMatchObject({
			problems: { k: "must be a number" },
			own: {},
		});
	});
	it("counts the configurations of a space", () => {
		expect(combinationsOf({ k: { low: 1, high: 4 } }, properties)).toBe(4);
		expect(combinationsOf({ k: { values: [1, 2] }, tau: { low: 0.1, high: 0.5, step: 0.1 } }, properties)).toBe(10);
		expect(combinationsOf({ tau: { low: 0.1, high: 0.3, step: 0.2 } }, properties)).toBe(2);
		expect(combinationsOf({ tau: { low: 0.1, high: 0.5 } }, properties)).toBe(Number.POSITIVE_INFINITY);
	});
});
