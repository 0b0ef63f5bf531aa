// The OpenAPI document, generated from the route schemas, its page, and the page of error codes.
import swagger from "@fastify/swagger";
import ui from "@fastify/swagger-ui";
import fp from "fastify-plugin";
import { errorsPage } from "../errors.js";
import { NO_BODY } from "./strictness.js";

interface Schema {
	required?: string[];
	properties?: Record<string, Schema>;
	default?: unknown;
	items?: Schema;
}

export default fp(
	async (app) => {
		await app.register(swagger, {
			openapi: {
				openapi: "3.1.0",
				info: {
					title: "Valence",
					version: "0.1.0",
					description:
						"Trains, compares and serves multi-interest recommenders. Errors are problem details (RFC 9457).",
					license: { name: "Apache-2.0", identifier: "Apache-2.0" },
				},
				components: { securitySchemes: { key: { type: "http", scheme: "bearer" } } },
				...(app.config.apiKeys.length > 0 && { security: [{ key: [] }] }),
			},
			transform({ schema, url }) {
				const { body, querystring, ...rest } = (schema ?? {}) as Record<string, unknown>;
				const asked = {
					...(body !== undefined && body !== NO_BODY && { body: asSent(body as Schema) }),
					...(querystring !== undefined && { querystring: asSent(querystring as Schema) }),
				};
				return { schema: { ...rest, ...asked }, url };
			},
		});
		await app.register(ui, { routePrefix: "/docs" });
		app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
		app.get("/errors", { schema: { hide: true } }, async (_request, reply) =>
			reply.type("text/markdown; charset=utf-8").send(errorsPage()),
		);
	},
	{ name: "openapi", dependencies: ["strictness"] },
);

/** Handlers always see a field that has a default, callers need not send it. */
function asSent({ required, ...schema }: Schema): Schema {
	const { properties, items } = schema;
	const needed = required?.filter((name) => properties?.[name]?.default === undefined) ?? [];
	return {
		...schema,
		...(properties && {
			properties: Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, asSent(field)])),
		}),
		...(items && { items: asSent(items) }),
		...(needed.length > 0 && { required: needed }),
	};
}
