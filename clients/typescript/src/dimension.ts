import type { SearchDimension } from "./generated/openapi.js";

/** A value of a configuration as people read it: text without quotes, all else as in JSON. */
export const plain = (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value));

/** "0.05 to 0.5, log", "0 to 1 by 0.1" or "2, 4, 8": what a search tries of one field. */
export function dimensionSentence({ values, low, high, log, step }: SearchDimension): string {
	if (values) return values.map(plain).join(", ");
	return `${low} to ${high}${log ? ", log" : ""}${step === undefined ? "" : ` by ${step}`}`;
}
