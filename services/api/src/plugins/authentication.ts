// API keys, compared in constant time, on every route but health, the dashboard's files and the documentation, which hold no data; and
// where no key protects, that a page elsewhere reaches nothing: neither by DNS rebinding nor by a form that posts here.
import { createHash, timingSafeEqual } from "node:crypto";
import fp from "fastify-plugin";
import { ApiError } from "../http/errors.js";

const OPEN = [/^\/(healthz|readyz|openapi\.json|errors)$/, /^\/((ui|docs)(\/.*)?)?$/];
const LOOPBACK = new Set(["localhost", "127.0.0.1", "[::1]"]);
const SAFE = ["GET", "HEAD"];

export default fp(
	async (app) => {
		const { apiKeys, allowedHosts, host } = app.config;
		const digest = (text: string) => createHash("sha256").update(text).digest();
		const keys = apiKeys.map(digest);
		const hosts = new Set([...LOOPBACK, ...allowedHosts.map((name) => name.toLowerCase())]);
		const checksHost = LOOPBACK.has(host) || host === "::1" || allowedHosts.length > 0;

		app.addHook("onRequest", async (request, reply) => {
			const name = request.headers.host?.replace(/:\d+$/, "").toLowerCase() ?? "";
			if (checksHost && !hosts.has(name)) {
				throw new ApiError("host_not_allowed", "Name this host in ALLOWED_HOSTS to serve it.");
			}
			if (keys.length === 0) {
				const { origin } = request.headers;
				// Browsers name the page that sends; no page of another host may change anything.
				if (origin !== undefined && !SAFE.includes(request.method) && hostOf(origin) !== request.headers.host) {
					throw new ApiError("cross_site", "Only pages of this host may change anything.");
				}
				return;
			}
			const path = request.url.split("?")[0] ?? "";
			if (SAFE.includes(request.method) && OPEN.some((pattern) => pattern.test(path))) return;
			const [scheme, given] = request.headers.authorization?.split(" ") ?? [];
			const asked = digest(given ?? "");
			// Every key is compared, so that the time taken does not tell which one was near.
			const matches = keys.map((key) => timingSafeEqual(key, asked)).some(Boolean);
			if (scheme?.toLowerCase() !== "bearer" || !matches) {
				reply.header("www-authenticate", "Bearer");
				throw new ApiError("unauthorized", "Send the header Authorization: Bearer <key>.");
			}
		});
	},
	{ name: "authentication" },
);

const hostOf = (origin: string) => (URL.canParse(origin) ? new URL(origin).host : null);
