// What a key may, on every route: looked at once its request is counted, so that a key that tries what it may not does so within its limit.
import fp from "fastify-plugin";
import { scopesOf } from "../access/access.js";
import { ApiError } from "../http/errors.js";

export default fp(
	async (app) => {
		app.addHook("onRequest", async ({ key, is404, routeOptions }, reply) => {
			const scopes = scopesOf(is404 ? "any" : routeOptions.config.access);
			if (key === null || scopes.includes(key.scope)) return;
			const takes = `${scopes.slice(0, -1).join(", ")}${scopes.length > 1 ? " or " : ""}${scopes.at(-1)}`;
			reply.header("www-authenticate", `Bearer error="insufficient_scope", scope="${scopes.join(" ")}"`);
			throw new ApiError(
				"insufficient_scope",
				`This needs a key of scope ${takes}; the one in use is of scope ${key.scope}.`,
			);
		});
	},
	{ name: "authorization", dependencies: ["rate-limits"] },
);
