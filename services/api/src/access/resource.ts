// What a line of the audit log says a request was about: names and ids that are Valence's own. An id of a person or an item is the caller's,
// and would outlive its erasure.
import type { FastifyReply, FastifyRequest } from "fastify";

const OURS = /^[0-9a-z][0-9a-z-]{0,99}$/i;

export const routeOf = ({ method, routeOptions }: FastifyRequest) => `${method} ${routeOptions.url}`;

interface ParamsSchema {
	properties?: Record<string, { format?: string }>;
}

/** The path, with the caller's own ids left as the pattern has them. Of what is not validated yet. */
export function pathOf({ routeOptions, params }: FastifyRequest): string {
	const { properties = {} } = (routeOptions.schema?.params ?? {}) as ParamsSchema;
	const given = params as Record<string, string>;
	return (routeOptions.url ?? "").replace(/:(\w+)/g, (pattern, name: string) => {
		const value = given[name] ?? "";
		return properties[name]?.format === "id" || !OURS.test(value) ? pattern : value;
	});
}

/** What was made, where the answer says so. */
export function resourceOf(request: FastifyRequest, reply: FastifyReply): string {
	const location = reply.getHeader("location");
	const isMade = reply.statusCode < 300 && typeof location === "string";
	return isMade ? location : pathOf(request);
}
