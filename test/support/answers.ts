// Every JSON answer of an app under test is held against the schema of its route: nothing may be dropped on its way out,
// nothing may be said that the OpenAPI document does not know.
import { subscribe } from "node:diagnostics_channel";
import { isDeepStrictEqual } from "node:util";
import { Ajv2020, type ValidateFunction } from "ajv/dist/2020.js";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
const checks = new WeakMap<object, ValidateFunction>();
const given = new WeakMap<FastifyRequest, unknown>();

/** Of what the schema names, and no more. */
function closed(schema: unknown): unknown {
	if (Array.isArray(schema)) return schema.map(closed);
	if (typeof schema !== "object" || schema === null) return schema;
	const walked = Object.fromEntries(Object.entries(schema).map(([name, value]) => [name, closed(value)]));
	const isClosable = walked.type === "object" && walked.properties && walked.additionalProperties === undefined;
	return isClosable ? { ...walked, additionalProperties: false } : walked;
}

/** Throws with the place and what is wrong there. */
function hold(request: FastifyRequest, reply: FastifyReply, text: string): void {
	const where = `${request.method} ${request.routeOptions.url} ${reply.statusCode}`;
	const schemas = request.routeOptions.schema?.response as Record<string, object> | undefined;
	const schema = schemas?.[reply.statusCode];
	if (!schema || reply.statusCode >= 400) return;
	const check = checks.get(schema) ?? ajv.compile(closed(schema) as object);
	checks.set(schema, check);
	const answer = JSON.parse(text);
	if (!check(answer)) {
		const [error] = check.errors ?? [];
		const named = error?.params ? JSON.stringify(error.params) : "";
		throw new Error(`${where}: ${error?.instancePath} ${error?.message} ${named}`);
	}
	const payload = given.get(request);
	if (payload !== undefined && !isDeepStrictEqual(JSON.parse(JSON.stringify(payload)), answer)) {
		throw new Error(`${where}: the schema has dropped or changed something of ${JSON.stringify(payload)}`);
	}
}

/** What was wrong since the last call. */
const wrong: string[] = [];
export const wrongAnswers = () => wrong.splice(0);

subscribe("fastify.initialization", (message) => {
	const { fastify } = message as { fastify: FastifyInstance };
	fastify.addHook("preSerialization", async (request, _reply, payload) => {
		given.set(request, payload);
		return payload;
	});
	fastify.addHook("onSend", async (request, reply, payload) => {
		const type = String(reply.getHeader("content-type"));
		if (typeof payload !== "string" || !type.startsWith("application/json")) return payload;
		try {
			hold(request, reply, payload);
		} catch (error) {
			wrong.push((error as Error).message);
		}
		return payload;
	});
});
