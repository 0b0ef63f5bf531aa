// How answers become JSON: by their schema, so that no field leaves that the schema does not name.
import fastJsonStringify from "fast-json-stringify";
import type { FastifySerializerCompiler } from "fastify";

const compiled = new WeakMap<object, ReturnType<typeof fastJsonStringify>>();

/**
 * Once for all routes that share a schema, as all share that of problems, and with the first answer: by itself Fastify compiles it for each
 * of them at the start.
 */
export const serializerCompiler: FastifySerializerCompiler<object> =
	({ schema }) =>
	(data) => {
		let serialize = compiled.get(schema);
		if (!serialize) {
			serialize = fastJsonStringify(schema);
			compiled.set(schema, serialize);
		}
		return serialize(data);
	};
