// How what is typed is read: FIELD=VALUE, lists, seeds, paths.
import { resolve } from "node:path";
import { wrongUsage } from "./failure.js";

/** JSON where it parses, else text. */
export function readValue(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return text;
	}
}

const KINDS: Record<string, [string, (value: unknown) => boolean]> = {
	integer: ["a whole number", Number.isInteger],
	number: ["a number", (value) => typeof value === "number"],
	boolean: ["true or false", (value) => typeof value === "boolean"],
};

/** The value, where it is of the type of its field; any is where the schema says none. */
export function ofType(option: string, field: string, type: unknown, value: unknown): unknown {
	const [kind, fits] = KINDS[String(type)] ?? [];
	if (fits && !fits(value)) {
		const said = typeof value === "string" ? value || "nothing" : JSON.stringify(value);
		throw wrongUsage(`${option} ${field} takes ${kind}, not ${said}`);
	}
	return value;
}

/** `option` is named in the error. */
export function pairOf(option: string, text: string): [name: string, value: string] {
	const at = text.indexOf("=");
	if (at < 1) throw wrongUsage(`${option} takes FIELD=VALUE, not ${text}`);
	return [text.slice(0, at), text.slice(at + 1)];
}

export const MOST_SEED = 2 ** 31 - 1;

/** From 0 to 2147483647: 1,2,5-8 → 1, 2, 5, 6, 7, 8. */
export function seedsOf(text: string): number[] {
	const seeds = text.split(",").flatMap((part) => {
		const [, from, to = from] = /^\s*(\d{1,10})(?:-(\d{1,10}))?\s*$/.exec(part) ?? [];
		const [first, last] = [Number(from), Number(to)];
		if (!(first <= last && last - first < 1000 && last <= MOST_SEED))
			throw wrongUsage(`--seeds takes numbers like 1,2 or 1-10, not ${text || "nothing"}`);
		return Array.from({ length: last - first + 1 }, (_, place) => first + place);
	});
	return [...new Set(seeds)];
}

/** For what reads an option that may not be given. */
export const perhaps =
	<T>(read: (text: string) => T) =>
	(text?: string) =>
		text === undefined ? undefined : read(text);

/** Separated by commas. */
export const listOf = (text: string): string[] =>
	text
		.split(",")
		.map((name) => name.trim())
		.filter((name) => name !== "");

/** A whole number of an option, from 1 unless another least is given. */
export function countOf(option: string, text: string, most: number, least = 1): number {
	const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
	if (value < least || value > most)
		throw wrongUsage(`${option} takes a whole number from ${least} to ${most}, not ${text}`);
	return value;
}

export function numberOf(option: string, text: string): number {
	const value = text.trim() === "" ? Number.NaN : Number(text);
	if (!Number.isFinite(value)) throw wrongUsage(`${option} takes a number, not ${text || "nothing"}`);
	return value;
}

/** npm runs scripts in the root of the checkout; paths mean the folder where the command was typed. */
export const pathOf = (path: string) => resolve(process.env.INIT_CWD ?? ".", path);
