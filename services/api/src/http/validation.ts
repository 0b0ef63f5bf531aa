// Validation of requests: nothing is dropped, nothing is guessed. Bodies are taken as they are; in queries, paths and
// headers, where everything is text, plain whole numbers and true/false become what the schema asks for.
import { Ajv, type ErrorObject } from "ajv";
import type { FastifySchemaCompiler } from "fastify";
import type { Problem } from "./errors.js";

export const MOST_ID_BYTES = 512;
export const MOST_IDEMPOTENCY_KEY = 200;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Ids are the caller's own strings: any Unicode that can be stored, 1 to 512 bytes, no control characters. */
export const isId = (text: string) =>
	text.length > 0 && Buffer.byteLength(text) <= MOST_ID_BYTES && !CONTROL.test(text) && text.isWellFormed();
/** What an import takes away around an id: BLANKS in data/importing/checks.py. */
const BLANKS = " \t\u00a0\u2002\u2003\u2009\u3000";
/** One that a dataset will have as it is. */
const isBareId = (text: string) =>
	isId(text) && !BLANKS.includes(text.at(0) as string) && !BLANKS.includes(text.at(-1) as string);
/** PostgreSQL stores no NUL, UTF-8 has no lone surrogates. */
export const isText = (text: string) => !text.includes("\u0000") && text.isWellFormed();

/** With its zone: a time without one is another one elsewhere. */
const TIME = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?([Zz]|[+-]\d{2}:?\d{2})$/;
const isTime = (text: string) => TIME.test(text) && isInCalendar(Date.parse(text)) && isDay(text.slice(0, 10));
/** As a time of UTC, which is what is kept: its zone may lead out of the years from 1 to 9999, which nobody reads back. */
const isInCalendar = (ms: number) => !Number.isNaN(ms) && /^(?!0000)\d{4}-/.test(new Date(ms).toISOString());
/** Date.parse takes the 30th of February for a day in March. */
const isDay = (text: string) => new Date(`${text}T00:00:00Z`).toISOString().startsWith(text);

/** A day of UTC, or a time with its zone. */
export const isMoment = (text: string) => {
	if (text.startsWith("0000") || text.slice(11, 13) === "24") return false;
	return isTime(text) || (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text)) && isDay(text));
};

/**
 * What the formats say in words of JSON Schema, for the OpenAPI document. It is wider: that an id has 512 bytes at most, that a day
 * is in the calendar, and that a cursor was given out by the list, no schema can say.
 */
const NO_CONTROL = "\\u0000-\\u001F\\u007F";
const EDGE = `[^${NO_CONTROL} \\u00A0\\u2002\\u2003\\u2009\\u3000]`;
const DAY = "([1-9]\\d{3}|0[1-9]\\d{2}|00[1-9]\\d|000[1-9])-(0[1-9]|1[0-2])-(0[1-9]|[12]\\d|3[01])";
const CLOCK = "([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d(\\.\\d{1,9})?)?([Zz]|[+-]([01]\\d|2[0-3]):?[0-5]\\d)";
export const FORMS: Readonly<Record<string, object>> = {
	id: { minLength: 1, maxLength: MOST_ID_BYTES, pattern: `^[^${NO_CONTROL}]+$` },
	"bare-id": { minLength: 1, maxLength: MOST_ID_BYTES, pattern: `^${EDGE}([^${NO_CONTROL}]*${EDGE})?$` },
	text: { pattern: "^[^\\u0000]*$" },
	moment: { pattern: `^${DAY}([Tt ]${CLOCK})?$` },
	cursor: { pattern: "^[A-Za-z0-9_-]+$" },
	"idempotency-key": { minLength: 1, maxLength: MOST_IDEMPOTENCY_KEY, pattern: "^[!-~]+$" },
};

const formats = {
	id: isId,
	"bare-id": isBareId,
	text: isText,
	uuid: (text: string) => UUID.test(text),
	"date-time": isTime,
	moment: isMoment,
	// Who reads them refuses them in words of their own.
	cursor: true as const,
	"idempotency-key": true as const,
};
const ajv = new Ajv({
	removeAdditional: false,
	useDefaults: true,
	coerceTypes: false,
	strict: false,
	strictNumbers: true,
	formats,
});

/** For what does not come as a whole body. */
export const checkOf = (schema: object) => ajv.compile(schema);

type Properties = Record<string, { type?: string }>;

export const validatorCompiler: FastifySchemaCompiler<object> = ({ schema, httpPart }) => {
	// With the first request: compiling all of them is a third of the time that the api takes to start.
	let check: ReturnType<typeof checkOf> | undefined;
	return (data) => {
		check ??= checkOf(schema);
		if (httpPart !== "body") readText(schema, data);
		const problem = unstorable(data, "", 0);
		if (problem) return { error: [problem] as never };
		if (check(data)) return { value: data };
		return { error: told(check.errors ?? []) as never };
	};
};

/** Without what only sums up others: a name that is wrong, and alternatives of which none fits, null among them. */
function told(errors: readonly ErrorObject[]): ErrorObject[] {
	const isSum = ({ keyword, params }: ErrorObject) =>
		["propertyNames", "anyOf", "oneOf"].includes(keyword) || (keyword === "type" && params.type === "null");
	const left = errors.filter((error) => !isSum(error));
	return left.length > 0 ? left : [...errors];
}

function readText(schema: { properties?: Properties }, data: Record<string, unknown>): void {
	for (const [name, { type }] of Object.entries(schema.properties ?? {})) {
		const text = data[name];
		if (typeof text !== "string") continue;
		// A parameter that may be repeated stands there once.
		if (type === "array") data[name] = [text];
		if (type === "integer" && /^-?\d{1,15}$/.test(text)) data[name] = Number(text);
		if (type === "boolean" && (text === "true" || text === "false")) data[name] = text === "true";
	}
}

/** Deeper than anything that is asked for; what goes through a body level by level has room for it. */
const MOST_LEVELS = 64;

/** Text anywhere in a request, keys included, that no row could hold; and what is nested without end. */
function unstorable(value: unknown, instancePath: string, level: number): ErrorObject | null {
	if (typeof value === "string") {
		const error = { keyword: "format", instancePath, schemaPath: "", params: { format: "text" } };
		return isText(value) ? null : error;
	}
	if (value === null || typeof value !== "object") return null;
	if (level === MOST_LEVELS) {
		const message = `must not hold more than ${MOST_LEVELS} levels of lists and objects`;
		return { keyword: "levels", instancePath, schemaPath: "", params: {}, message };
	}
	for (const [key, field] of Object.entries(value)) {
		const place = `${instancePath}/${escaped(key)}`;
		const problem = unstorable(key, place.toWellFormed(), level) ?? unstorable(field, place, level + 1);
		if (problem) return problem;
	}
	return null;
}

const escaped = (key: string) => key.replaceAll("~", "~0").replaceAll("/", "~1");
const FORMAT: Record<string, string> = {
	id: `must be 1 to ${MOST_ID_BYTES} bytes of Unicode text without control characters`,
	"bare-id": `must be 1 to ${MOST_ID_BYTES} bytes of Unicode text without control characters, and without blanks around it`,
	uuid: "must be a uuid",
	"date-time": "must be a time with its zone such as 2026-12-31T18:00:00Z",
	moment: "must be a day such as 2026-12-31 or a time with its zone such as 2026-12-31T18:00:00Z",
	text: "must be text without NUL characters and lone surrogates",
};
const TYPE: Record<string, string> = {
	string: "text",
	number: "a number",
	integer: "a whole number",
	boolean: "true or false",
	array: "a list",
	object: "an object",
};
const inWords = (type: string) => TYPE[type] ?? type;
const MEANING: Record<string, (error: ErrorObject) => [code: string, message: string]> = {
	additionalProperties: () => ["unknown_field", "is not known here"],
	required: () => ["missing_field", "is missing"],
	type: (error) => ["wrong_type", `must be ${[error.params.type].flat().map(inWords).join(" or ")}`],
	format: (error) => ["bad_format", FORMAT[error.params.format] ?? "has the wrong form"],
	pattern: (error) => ["bad_format", `must match ${error.params.pattern}`],
	enum: (error) => ["not_allowed", `must be one of ${error.params.allowedValues.join(", ")}`],
	const: (error) => ["not_allowed", `must be ${JSON.stringify(error.params.allowedValue)}`],
	uniqueItems: (error) => ["not_allowed", `holds the same value twice, at ${error.params.j} and ${error.params.i}`],
};

/** What a validation error means to the caller: a JSON pointer into the part of the request, a code, a sentence. */
export function problemOf(error: ErrorObject, part = ""): Problem {
	const last = error.propertyName ?? error.params.additionalProperty ?? error.params.missingProperty;
	const [code, message] = MEANING[error.keyword]?.(error) ?? ["out_of_range", error.message ?? "is not valid"];
	const tail = last === undefined ? "" : `/${escaped(String(last))}`;
	return { pointer: `${part}${error.instancePath}${tail}` || "/", code, message };
}
