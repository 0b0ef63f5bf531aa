// Whose key it is, on every route but those that declare themselves open; and where no key protects, that a page elsewhere reaches nothing: neither by DNS rebinding nor by a form that posts here.
import type { FastifyReply, FastifyRequest } from "fastify";
import fp from "fastify-plugin";
import { declareAccess } from "../access/access.js";
import { isMade } from "../access/secret.js";
import { ApiError } from "../http/errors.js";
import type { Key } from "./keys.js";

declare module "fastify" {
	interface FastifyRequest {
		/** The one it came with; null where none is asked for. */
		key: Key | null;
		/** Whose key that is, as `key 1` for the first of API_KEYS, `key shop` for one that was made. */
		by: string | null;
	}
}

const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
const SAFE = ["GET", "HEAD"];

export default fp(
	async (app) => {
		const { allowedHosts, host } = app.config;
		const hosts = new Set([...LOOPBACK, ...allowedHosts.map((name) => name.toLowerCase())]);
		const checksHost = LOOPBACK.has(host) || host === "::1" || allowedHosts.length > 0;

		app.addHook("onRoute", declareAccess);
		app.decorateRequest("key", null);
		app.decorateRequest("by", null);
		app.addHook("onRequest", async (request, reply) => {
			const name = request.headers.host?.replace(/:\d+$/, "").toLowerCase() ?? "";
			if (checksHost && !hosts.has(name)) {
				throw new ApiError("host_not_allowed", "Name this host in ALLOWED_HOSTS to serve it.");
			}
			if (!app.keys.areNeeded) refuseOtherSites(request);
			// Of a path that is not there nothing is told to who has no key.
			const access = request.is404 ? "any" : request.routeOptions.config.access;
			if (access === "open") return;
			request.key = keyOf(request, reply);
			request.by = request.key?.by ?? null;
		});

		/** Null where none is needed and none of ours is sent: one that is sent is held to all the same. */
		function keyOf(request: FastifyRequest, reply: FastifyReply): Key | null {
			const [scheme, given = ""] = request.headers.authorization?.split(" ") ?? [];
			const isBearer = scheme?.toLowerCase() === "bearer";
			if (!app.keys.areNeeded && !(isBearer && isMade(given))) return null;
			const key = isBearer ? app.keys.find(given) : null;
			if (key) return key;
			reply.header("www-authenticate", "Bearer");
			throw new ApiError("unauthorized", "Send the header Authorization: Bearer <key>.");
		}
	},
	{ name: "authentication", dependencies: ["keys"] },
);

/** Browsers name the page that sends; no page of another host may change anything. */
function refuseOtherSites({ headers: { origin, host }, method }: FastifyRequest): void {
	if (origin === undefined || SAFE.includes(method) || hostOf(origin) === host) return;
	throw new ApiError("cross_site", "Only pages of this host may change anything.");
}

const hostOf = (origin: string) => (URL.canParse(origin) ? new URL(origin).host : null);
