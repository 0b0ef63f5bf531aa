// Who may ask what: every route declares it in its `config`, and one that does not is no route.
import type { RouteOptions } from "fastify";
import { KeyScope } from "../generated/prisma/client.js";

export const SCOPES: KeyScope[] = Object.values(KeyScope);

/** Anybody, any key, or keys of these scopes; admin may everything. */
export type Access = "open" | "any" | readonly Exclude<KeyScope, "admin">[] | readonly ["admin"];
/** Of a route that changes something: a line each, or what comes by the second counted by the minute; false: it changes nothing. */
export type Audited = "each" | "counted" | false;

declare module "fastify" {
	interface FastifyContextConfig {
		access?: Access;
		audit?: Audited;
	}
}

/** Of the dashboard and the documentation, whose files hold no data; who makes their routes declares nothing. */
const PAGES = /^\/(ui|docs)(\/.*)?$/;
const CHANGES = new Set(["POST", "PUT", "DELETE", "PATCH"]);

/** Throws for a route that declares nothing. */
export function declareAccess(route: RouteOptions): void {
	const methods = [route.method].flat();
	const changes = methods.some((method) => CHANGES.has(method));
	const access = route.config?.access ?? (PAGES.test(route.url) && !changes ? "open" : undefined);
	if (access === undefined) throw new Error(`${methods.join(", ")} ${route.url} does not declare who may ask it`);
	route.config = { ...route.config, access, audit: route.config?.audit ?? (changes ? "each" : false) };
}

/** Of keys that a route takes; all, where it asks for none. */
export function scopesOf(access: Access | undefined): KeyScope[] {
	if (access === "open" || access === "any" || access === undefined) return SCOPES;
	return SCOPES.filter((scope) => scope === "admin" || (access as readonly KeyScope[]).includes(scope));
}
