import { type Static, Type } from "@fastify/type-provider-typebox";
import type { Prisma } from "../generated/prisma/client.js";
import { Nullable, Time, Uuid } from "../http/schemas.js";
import { importFields, importJob, importView, toldFields, toldView } from "./import.js";

export const FeedImportView = Type.Object(
	{
		id: Uuid,
		feed: Type.String(),
		...importFields,
		added: Type.Integer({ description: "Interactions that were new, of those that are stored by now." }),
		known: Type.Integer({ description: "That were there before, or earlier in these files." }),
		refused: Type.Integer({ description: "Bad rows, which are left out." }),
		erased: Type.Integer({ description: "Rows of people who were erased after the files were sent: left out, too." }),
		items: Type.Integer({ description: "Rows of titles and tags that are stored by now." }),
		...toldFields,
		createdAt: Time,
		startedAt: Nullable(Time),
		finishedAt: Nullable(Time),
	},
	{ title: "FeedImport", description: "Files on their way into a feed." },
);

export const feedImportInclude = {
	feed: { select: { name: true } },
	job: importJob,
} as const satisfies Prisma.FeedImportInclude;
type Row = Prisma.FeedImportGetPayload<{ include: typeof feedImportInclude }>;
type View = Static<typeof FeedImportView>;

export const feedImportView = (row: Row): View => ({
	id: row.id,
	feed: row.feed.name,
	...importView(row),
	added: Number(row.added),
	known: Number(row.known),
	refused: Number(row.bad),
	erased: Number(row.erased),
	items: Number(row.items),
	...toldView(row),
	createdAt: row.createdAt.toISOString(),
	startedAt: row.job.startedAt?.toISOString() ?? null,
	finishedAt: row.job.finishedAt?.toISOString() ?? null,
});
