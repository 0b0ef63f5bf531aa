// The OpenAPI document, generated from the route schemas, its page, and the page of error codes.
import { STATUS_CODES } from "node:http";
import { isDeepStrictEqual } from "node:util";
import swagger from "@fastify/swagger";
import ui from "@fastify/swagger-ui";
import fp from "fastify-plugin";
import { scopesOf } from "../access/access.js";
import { errorsPage } from "../http/errors.js";
import { FORMS } from "../http/validation.js";
import { answersPages } from "./security-headers.js";
import { NO_BODY } from "./strictness.js";

interface Schema {
	required?: string[];
	properties?: Record<string, Schema>;
	default?: unknown;
	items?: Schema;
}

const TAGS = {
	datasets: "Interactions, imported once and never changed after.",
	feeds: "Interactions that keep coming; a snapshot of them is a dataset.",
	models: "What can be trained.",
	experiments: "Models, grids and seeds on one dataset.",
	runs: "One training each, and evaluations of what it made.",
	comparisons: "Which of several models is better, and by how much.",
	checkpoints: "What runs have left.",
	deployments: "Names under which checkpoints are served.",
	recommendations: "What people are answered, and why.",
	exports: "The recommendations of many people as one file.",
	access: "Who may ask what, and who changed what.",
	machines: "Who does the work: workers, each with a trainer.",
	system: "What runs here.",
	health: "For whoever watches.",
};

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
				tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
				components: {
					securitySchemes: {
						key: {
							type: "http",
							scheme: "bearer",
							description: "A key of `API_KEYS`, or one that was made (`POST /keys`); needed where `API_KEYS` is set.",
						},
					},
				},
				security: [{ key: [] }, {}],
			},
			transform({ schema, url, route }) {
				const { body, querystring, ...rest } = (schema ?? {}) as Record<string, unknown>;
				const asked = {
					...(body !== undefined && body !== NO_BODY && { body: asSent(body as Schema) }),
					...(querystring !== undefined && { querystring: asSent(querystring as Schema) }),
				};
				const { access } = route.config ?? {};
				const whose = access === "open" ? { security: [] } : { "x-scopes": scopesOf(access) };
				return { schema: { ...rest, ...asked, ...whose }, url };
			},
			transformObject: (document) => ("openapiObject" in document ? withComponents(document.openapiObject) : {}),
		});
		await app.register(async (pages) => {
			await answersPages(pages);
			await pages.register(ui, { routePrefix: "/docs" });
		});
		app.get("/openapi.json", { config: { access: "open" }, schema: { hide: true } }, async () => app.swagger());
		app.get("/errors", { config: { access: "open" }, schema: { hide: true } }, async (_request, reply) =>
			reply.type("text/markdown; charset=utf-8").send(errorsPage()),
		);
	},
	{ name: "openapi", dependencies: ["strictness", "security-headers"] },
);

/**
 * Schemas with a title become components under it. Here and not by `$ref` in the routes: what validates and what writes
 * answers works on whole schemas, and their TypeScript types follow from them.
 */
function withComponents<T extends { paths?: object; components?: { schemas?: object } }>(document: T): T {
	const schemas: Record<string, Record<string, unknown>> = {};
	const named = (value: unknown): unknown => {
		if (Array.isArray(value)) return value.map(named);
		if (typeof value !== "object" || value === null) return value;
		const { title, ...rest } = spelledOut(value as Record<string, unknown>);
		const walked = Object.fromEntries(
			Object.entries(rest).map(([name, field]) => [
				name,
				name === "responses" ? described(named(field)) : named(field),
			]),
		);
		// A property may be called title: then it is a schema.
		if (typeof title !== "string") return title === undefined ? walked : { ...walked, title: named(title) };
		const known = schemas[title] ?? walked;
		// Of a parameter the description stands outside.
		const { description = known.description, ...shape } = walked;
		const { description: before = description, ...shapeBefore } = known;
		if (!isDeepStrictEqual([description, shape], [before, shapeBefore])) {
			throw new Error(`two schemas have the title ${title}`);
		}
		schemas[title] = { ...shape, ...(description !== undefined && { description }) };
		return { $ref: `#/components/schemas/${title}` };
	};
	const paths = named(document.paths);
	const sorted = Object.fromEntries(Object.entries(schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
	return { ...document, paths, components: { ...document.components, schemas: sorted } };
}

/** Formats of ours in words that every client knows; and `asked`, what a handler asks of the fields together. */
const spelledOut = ({ asked, ...schema }: Record<string, unknown>): Record<string, unknown> => ({
	...(typeof schema.format === "string" && FORMS[schema.format]),
	...schema,
	...(schema.type === "object" && (asked as object)),
});

/** What a response has no words for is said by its status. */
const described = (responses: unknown) =>
	Object.fromEntries(
		Object.entries(responses as Record<string, { description: string }>).map(([status, response]) => [
			status,
			response.description === "Default Response"
				? { ...response, description: STATUS_CODES[status] ?? status }
				: response,
		]),
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
