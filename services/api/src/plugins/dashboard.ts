// The built dashboard under /ui, and the security headers of every answer.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import helmet from "@fastify/helmet";
import files from "@fastify/static";
import fp from "fastify-plugin";
import { ApiError } from "../errors.js";

export default fp(
	async (app) => {
		await app.register(helmet, {
			enableCSPNonces: true,
			contentSecurityPolicy: {
				useDefaults: false,
				directives: {
					defaultSrc: ["'none'"],
					scriptSrc: ["'self'"],
					styleSrc: ["'self'"],
					imgSrc: ["'self'", "data:"],
					fontSrc: ["'self'"],
					connectSrc: ["'self'"],
					frameAncestors: ["'none'"],
					baseUri: ["'none'"],
					formAction: ["'self'"],
				},
			},
			// The service speaks plain HTTP; the proxy in front of it knows whether it is TLS.
			strictTransportSecurity: false,
		});
		app.get("/", { schema: { hide: true } }, async (_request, reply) => reply.redirect("/ui/"));
		const folder = app.config.dashboardDir;
		const index = join(folder, "index.html");
		if (!existsSync(index)) {
			app.log.warn({ folder }, "no dashboard is built");
			return;
		}
		const html = readFileSync(index, "utf8");
		await app.register(files, {
			root: folder,
			prefix: "/ui/",
			wildcard: false,
			index: false,
			decorateReply: false,
			immutable: true,
			maxAge: "1y",
		});
		for (const url of ["/ui", "/ui/", "/ui/*"]) {
			app.get(url, { schema: { hide: true } }, async (request, reply) => {
				// An asset of another build is missing; the page in its place would be run as a script.
				if (request.url.startsWith("/ui/assets/")) throw new ApiError("not_found", "The dashboard has no such file.");
				// The page carries a nonce for the styles that the component library adds while running.
				const page = html.replaceAll("__CSP_NONCE__", reply.cspNonce.style);
				return reply.type("text/html; charset=utf-8").header("cache-control", "no-store").send(page);
			});
		}
	},
	{ name: "dashboard", dependencies: ["strictness"] },
);
