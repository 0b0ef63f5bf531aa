// How keys appear in answers: never the key itself, but once, when it is made.
import { type Static, Type } from "@fastify/type-provider-typebox";
import { SCOPES } from "../access/access.js";
import type { ApiKey } from "../generated/prisma/client.js";
import { Nullable, Time, Uuid } from "../http/schemas.js";

export const Scope = Type.Enum([...SCOPES], {
	type: "string",
	title: "KeyScope",
	description:
		"serve: recommendations; data: feeds and datasets; train: experiments and deployments; admin: everything.",
});
/** It begins with a letter: `key 1` is of API_KEYS. */
export const KeyName = Type.String({
	pattern: "^[a-z](?:[a-z0-9-]{0,62}[a-z0-9])?$",
	description: "a-z, 0-9 and -, from a letter on, 1 to 64; no two that are in use have the same.",
});
export const KeyView = Type.Object(
	{
		id: Uuid,
		name: Type.String(),
		scope: Scope,
		prefix: Type.String({ description: "How the key begins." }),
		state: Type.Enum(["active", "expired", "revoked"], { type: "string", title: "KeyState" }),
		rateLimit: Nullable(
			Type.Integer({ description: "Requests a minute; 0: as many as come, null: as RATE_LIMIT of the service says." }),
		),
		createdAt: Time,
		expiresAt: Nullable(Time),
		lastUsedAt: Nullable(Type.String({ description: "ISO 8601, UTC, to the minute." })),
		revokedAt: Nullable(Time),
	},
	{ title: "ApiKey" },
);

export function keyView(row: ApiKey): Static<typeof KeyView> {
	const { id, name, scope, prefix, rateLimit, createdAt, expiresAt, lastUsedAt, revokedAt } = row;
	const isOver = expiresAt !== null && expiresAt.getTime() <= Date.now();
	return {
		...{ id, name, scope, rateLimit },
		prefix: `valence_${prefix}`,
		state: revokedAt ? "revoked" : isOver ? "expired" : "active",
		createdAt: createdAt.toISOString(),
		expiresAt: expiresAt?.toISOString() ?? null,
		lastUsedAt: lastUsedAt?.toISOString() ?? null,
		revokedAt: revokedAt?.toISOString() ?? null,
	};
}
