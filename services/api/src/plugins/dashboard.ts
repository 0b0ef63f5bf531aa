// The built dashboard under /ui.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import files from "@fastify/static";
import fp from "fastify-plugin";
import { ApiError } from "../http/errors.js";
import { answersPages } from "./security-headers.js";

export default fp(
	async (app) => {
		app.get("/", { config: { access: "open" }, schema: { hide: true } }, async (_request, reply) =>
			reply.redirect("/ui/"),
		);
		const folder = app.config.dashboardDir;
		const index = join(folder, "index.html");
		if (!existsSync(index)) {
			app.log.warn({ folder }, "no dashboard is built");
			return;
		}
		const html = readFileSync(index, "utf8");
		await app.register(async (pages) => {
			await answersPages(pages);
			await pages.register(files, {
				root: folder,
				prefix: "/ui/",
				wildcard: false,
				index: false,
				decorateReply: false,
				immutable: true,
				maxAge: "1y",
			});
			for (const url of ["/ui", "/ui/", "/ui/*"]) {
				pages.get(url, { config: { access: "open" }, schema: { hide: true } }, async (request, reply) => {
					// An asset of another build is missing; the page in its place would be run as a script.
					if (request.url.startsWith("/ui/assets/")) throw new ApiError("not_found", "The dashboard has no such file.");
					// The page carries a nonce for the styles that the component library adds while running.
					const page = html.replaceAll("__CSP_NONCE__", reply.cspNonce.style);
					return reply.type("text/html; charset=utf-8").header("cache-control", "no-store").send(page);
				});
			}
		});
	},
	{ name: "dashboard", dependencies: ["authentication", "strictness", "security-headers"] },
);
