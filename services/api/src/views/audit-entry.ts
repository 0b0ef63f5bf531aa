// How lines of the audit log appear in answers and files.
import { type Static, Type } from "@fastify/type-provider-typebox";
import type { AuditEntry } from "../generated/prisma/client.js";
import { Nullable, Time, Uuid } from "../http/schemas.js";

export const AuditView = Type.Object(
	{
		at: Time,
		by: Nullable(
			Type.String({
				description:
					"Who: `key 1` for the first of API_KEYS, `key shop` for the key of this name; null where no key is asked for.",
			}),
		),
		keyId: Nullable(Uuid),
		route: Type.String({ description: "What: method and pattern of the path." }),
		resource: Type.String({
			description:
				"Of what: the path with Valence's own names and ids, or of what was made. Ids of people and items are left out.",
		}),
		address: Type.String({ description: "From where." }),
		status: Nullable(
			Type.Integer({
				description: "Of the answer; null: under way, or its process died and nobody knows how it ended.",
			}),
		),
		times: Type.Integer({ description: "Of what comes by the second, how often within a minute; else 1." }),
	},
	{ title: "AuditEntry" },
);
export type AuditView = Static<typeof AuditView>;

export const auditView = ({ at, by, keyId, route, resource, address, status, times }: AuditEntry): AuditView => ({
	...{ at: at.toISOString(), by, keyId, route, resource, address, status, times },
});
