import { type FastifyPluginAsyncTypebox, type Static, Type } from "@fastify/type-provider-typebox";
import { makeKey } from "../access/secret.js";
import { MOST_RATE } from "../config.js";
import { after, newestFirst, pageOf } from "../http/cursor.js";
import { ApiError } from "../http/errors.js";
import { IdParams, page, pageQuery, problems } from "../http/schemas.js";
import { violatesUnique } from "../plugins/prisma.js";
import { KeyName, KeyView, keyView, Scope } from "../views/key.js";

const NewKey = Type.Object(
	{
		name: KeyName,
		scope: Scope,
		expiresAt: Type.Optional(
			Type.Unsafe<string | null>({
				type: ["string", "null"],
				format: "date-time",
				description: "ISO 8601, in the future; null: never.",
			}),
		),
		rateLimit: Type.Optional(
			Type.Unsafe<number | null>({
				type: ["integer", "null"],
				minimum: 0,
				maximum: MOST_RATE,
				description: "Requests a minute; 0: as many as come, null: as RATE_LIMIT of the service says.",
			}),
		),
	},
	{ title: "NewApiKey", additionalProperties: false },
);
const KeyMade = Type.Object(
	{ ...KeyView.properties, key: Type.String({ description: "Shown this once; only its SHA-256 is kept." }) },
	{ title: "ApiKeyMade" },
);

const routes: FastifyPluginAsyncTypebox = async (app) => {
	const { prisma } = app;
	const one = { tags: ["access"], params: IdParams };

	app.post(
		"/keys",
		{
			config: { access: ["admin"] },
			schema: {
				operationId: "makeKey",
				summary: "Make a key; it is shown in this answer and never again",
				tags: ["access"],
				body: NewKey,
				response: { 201: KeyMade, ...problems },
			},
		},
		async (request, reply) => {
			const { name, scope, rateLimit = null } = request.body;
			const { key, prefix, digest } = makeKey();
			const data = { name, scope, prefix, digest, rateLimit, expiresAt: expiryOf(request.body) };
			const row = await prisma
				.$transaction(async (tx) => {
					await app.keys.announce(tx);
					return tx.apiKey.create({ data });
				})
				.catch((error) => {
					if (!violatesUnique(error)) throw error;
					const message = "is the name of another key in use";
					throw new ApiError("conflict", `/name ${message}.`, [{ pointer: "/name", code: "not_allowed", message }]);
				});
			await app.keys.refresh();
			reply.code(201).header("location", `/keys/${row.id}`).header("cache-control", "no-store");
			return { ...keyView(row), key };
		},
	);

	app.get(
		"/keys",
		{
			config: { access: ["admin"] },
			schema: {
				operationId: "listKeys",
				summary: "Keys that were made, newest first; those of API_KEYS are not among them",
				tags: ["access"],
				querystring: pageQuery({
					revoked: Type.Boolean({ default: false, description: "Those that are revoked among them." }),
				}),
				response: { 200: page(KeyView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, revoked } = request.query;
			const where = { ...after(cursor), ...(!revoked && { revokedAt: null }) };
			const rows = await prisma.apiKey.findMany({ where, orderBy: [...newestFirst], take: limit + 1 });
			return pageOf(rows, limit, keyView);
		},
	);

	app.get(
		"/keys/:id",
		{
			config: { access: ["admin"] },
			schema: {
				...one,
				operationId: "getKey",
				summary: "A key that was made",
				response: { 200: KeyView, ...problems },
			},
		},
		async (request) => {
			const row = await prisma.apiKey.findUnique({ where: request.params });
			if (!row) throw noKey();
			return keyView(row);
		},
	);

	app.delete(
		"/keys/:id",
		{
			config: { access: ["admin"] },
			schema: {
				...one,
				operationId: "revokeKey",
				summary: "Revoke a key for good: within a second no process takes it, and streams that it follows end",
				response: { 204: Type.Null(), ...problems },
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			await prisma.$transaction(async (tx) => {
				const { count } = await tx.apiKey.updateMany({
					where: { id, revokedAt: null },
					data: { revokedAt: new Date() },
				});
				if (count === 0 && (await tx.apiKey.count({ where: { id } })) === 0) throw noKey();
				await app.keys.announce(tx);
			});
			app.keys.drop(id);
			await app.keys.refresh();
			return reply.code(204).send(null);
		},
	);
};
export default routes;

const noKey = () => new ApiError("not_found", "There is no key with this id.");

function expiryOf({ expiresAt = null }: Static<typeof NewKey>): Date | null {
	const date = expiresAt === null ? null : new Date(expiresAt);
	if (date === null || date > new Date()) return date;
	const message = "must lie in the future";
	throw new ApiError("invalid_request", `/expiresAt ${message}.`, [
		{ pointer: "/expiresAt", code: "out_of_range", message },
	]);
}
