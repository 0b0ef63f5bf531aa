// Every documented route of the api, with an example for each path parameter.
import type { FastifyInstance } from "fastify";

export type Method = "GET" | "POST" | "PUT" | "DELETE";
// biome-ignore lint/suspicious/noExplicitAny: an OpenAPI document
type Operation = any;
export interface Route {
	method: Method;
	/** As in OpenAPI: /runs/{id}. */
	path: string;
	/** With examples filled in. */
	url: string;
	operation: Operation;
}

export const AN_ID = "00000000-0000-4000-8000-000000000000";

export function routesOf(app: FastifyInstance): Route[] {
	const { paths = {} } = app.swagger() as { paths?: Record<string, Record<string, Operation>> };
	return Object.entries(paths).flatMap(([path, operations]) =>
		Object.entries(operations).map(([method, operation]) => ({
			method: method.toUpperCase() as Method,
			path,
			url: path.replace("{name}", "default").replace("{id}", AN_ID),
			operation,
		})),
	);
}
