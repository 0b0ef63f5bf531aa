// The security headers of every answer. Data gets a few that never change; pages get helmet's instead, with nonces made for each:
// making those takes longer than looking a recommendation up.
import helmet from "@fastify/helmet";
import type { FastifyInstance } from "fastify";
import fp from "fastify-plugin";

const DATA = {
	"content-security-policy": "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
	"cross-origin-resource-policy": "same-origin",
	"referrer-policy": "no-referrer",
	"x-content-type-options": "nosniff",
};

export default fp(
	async (app) => {
		app.addHook("onRequest", (_request, reply, done) => {
			reply.headers(DATA);
			done();
		});
	},
	{ name: "security-headers" },
);

/** In a context of its own: what it answers are pages. */
export async function answersPages(pages: FastifyInstance): Promise<void> {
	pages.addHook("onRequest", (_request, reply, done) => {
		for (const name of Object.keys(DATA)) reply.removeHeader(name);
		done();
	});
	await pages.register(helmet, {
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
				workerSrc: ["'self'"],
				frameAncestors: ["'none'"],
				baseUri: ["'none'"],
				formAction: ["'self'"],
			},
		},
		// The service speaks plain HTTP; the proxy in front of it knows whether it is TLS.
		strictTransportSecurity: false,
	});
}
