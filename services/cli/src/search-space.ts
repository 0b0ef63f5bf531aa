// --space FIELD=...: what a search tries of a field, as it is typed.
import type { SearchDimension } from "@valence/client";
import { listOf, numberOf, ofType, readValue } from "./arguments.js";
import { wrongUsage } from "./failure.js";

type Scalars = NonNullable<SearchDimension["values"]>;

export const SPACE_FORMS = "LOW..HIGH, LOW..HIGH:log, LOW..HIGH:step=STEP or A,B,C";

/** 0.05..0.5, 0.05..0.5:log, 0..1:step=0.1, or values as 2,4,8; `type` is that of the field, which is named in errors. */
export function dimensionOf(field: string, text: string, type: unknown): SearchDimension {
	const range = /^(.*?)\.\.(.*?)(?::(.*))?$/.exec(text);
	if (!range) return valuesOf(field, text, type);
	const [, from = "", to = "", how] = range;
	if (type !== "integer" && type !== "number")
		throw wrongUsage(`--space ${field} takes values as A,B,C, not a range: it is no number`);
	const [low, high] = [from, to].map((end) => ofType("--space", field, type, numberOf(`--space ${field}`, end))) as [
		number,
		number,
	];
	if (low >= high) throw wrongUsage(`--space ${field} takes a range that ends above where it begins, not ${text}`);
	if (how === undefined) return { low, high };
	if (how === "log") {
		if (low <= 0) throw wrongUsage(`--space ${field} takes a range above 0 where it is log, not ${text}`);
		return { low, high, log: true };
	}
	const [, step] = /^step=(.+)$/.exec(how) ?? [];
	if (step === undefined) throw wrongUsage(`--space ${field} takes ${SPACE_FORMS}, not ${text}`);
	return { low, high, step: stepOf(field, step, type) };
}

function stepOf(field: string, text: string, type: unknown): number {
	const step = ofType("--space", `${field} in steps`, type, numberOf(`--space ${field}, its step`, text)) as number;
	if (step <= 0) throw wrongUsage(`--space ${field} takes a step above 0, not ${text}`);
	return step;
}

function valuesOf(field: string, text: string, type: unknown): SearchDimension {
	const values = listOf(text).map(readValue) as Scalars;
	for (const value of values) ofType("--space", field, type, value);
	if (new Set(values).size < Math.max(values.length, 2))
		throw wrongUsage(`--space ${field} takes ${SPACE_FORMS}, of values two or more and none twice, not ${text}`);
	return { values };
}
