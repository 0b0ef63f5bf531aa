// What every route refuses without saying so itself: unknown query parameters, bodies where none is taken, methods a
// path does not have.
import fp from "fastify-plugin";
import { ApiError } from "../http/errors.js";
import { serializerCompiler } from "../http/serialization.js";
import { validatorCompiler } from "../http/validation.js";

const NO_QUERY = { type: "object", properties: {}, additionalProperties: false };
export const NO_BODY = { anyOf: [{ type: "null" }, { type: "object", additionalProperties: false }] };
const WITH_BODY = new Set(["POST", "PUT", "DELETE"]);

export default fp(
	async (app) => {
		app.setValidatorCompiler(validatorCompiler);
		app.setSerializerCompiler(serializerCompiler);
		// Fastify takes text/plain by itself; nothing here does.
		app.removeContentTypeParser("text/plain");

		const paths: { method: string; path: RegExp }[] = [];
		app.addHook("onRoute", (route) => {
			const source = route.url
				.replace(/[.+()]/g, "\\$&")
				.replace(/:[^/]+/g, "[^/]+")
				.replaceAll("*", ".*");
			for (const method of [route.method].flat()) paths.push({ method, path: new RegExp(`^${source}$`) });
			const { schema } = route;
			if (!schema || schema.hide) return;
			const takesBody = [route.method].flat().some((method) => WITH_BODY.has(method));
			route.schema = { querystring: NO_QUERY, ...(takesBody && { body: NO_BODY }), ...schema };
		});

		app.setNotFoundHandler((request, reply) => {
			const url = request.url.split("?")[0] ?? "";
			const methods = new Set(paths.filter(({ path }) => path.test(url)).map(({ method }) => method));
			if (methods.size === 0 || methods.has(request.method))
				throw new ApiError("not_found", "No resource has this path.");
			reply.header("allow", [...methods].join(", "));
			throw new ApiError("method_not_allowed", `This path takes ${[...methods].join(", ")}.`);
		});
	},
	{ name: "strictness", dependencies: ["error-handler"] },
);
