import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance } from "fastify";
import { cursorOfNumbers, numbersOf } from "../http/cursor.js";
import { contentOf, FILE_TYPES, sendBytes } from "../http/file.js";
import { page, pageQuery, problems, Text } from "../http/schemas.js";
import { AuditView, auditView } from "../views/audit-entry.js";

const FORMATS = ["ndjson", "csv"] as const;
const CHUNK = 1_000;
const COLUMNS = Object.keys(AuditView.properties) as (keyof AuditView)[];
const By = Type.Optional(Text(80, "Only what this one did, as `by` names it."));

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/audit",
		{
			config: { access: ["admin"] },
			schema: {
				operationId: "listAudit",
				summary: "Who changed what, newest first",
				tags: ["access"],
				querystring: pageQuery({ by: By }),
				response: { 200: page(AuditView), ...problems },
			},
		},
		async (request) => {
			const { limit, cursor, by } = request.query;
			const [before] = cursor === undefined ? [] : numbersOf(cursor, 1);
			const rows = await read(app, before, by, limit + 1);
			const shown = rows.slice(0, limit);
			const last = shown.at(-1);
			return { items: shown.map(auditView), nextCursor: rows.length > limit && last ? cursorOfNumbers(last.id) : null };
		},
	);

	app.get(
		"/audit/file",
		{
			config: { access: ["admin"] },
			schema: {
				operationId: "downloadAudit",
				summary: "The same as a file, whole",
				tags: ["access"],
				querystring: Type.Object(
					{
						format: Type.Enum([...FORMATS], { type: "string", default: "ndjson", description: "Of the file." }),
						by: By,
					},
					{ additionalProperties: false },
				),
				response: { 200: { description: "The file", content: contentOf(FORMATS) }, ...problems },
			},
		},
		async (request, reply) => {
			const { format, by } = request.query;
			reply.headers({
				"cache-control": "private, no-store",
				"content-type": FILE_TYPES[format],
				"content-disposition": `attachment; filename="audit.${format}"`,
			});
			return sendBytes(reply, request.method === "HEAD" ? [] : written(app, format, by));
		},
	);
};
export default routes;

const read = (app: FastifyInstance, before: bigint | undefined, by: string | undefined, take: number) =>
	app.prisma.auditEntry.findMany({
		where: { ...(before !== undefined && { id: { lt: before } }), ...(by !== undefined && { by }) },
		orderBy: { id: "desc" },
		take,
	});

async function* written(
	app: FastifyInstance,
	format: (typeof FORMATS)[number],
	by: string | undefined,
): AsyncGenerator<Uint8Array> {
	const line = format === "csv" ? csvOf : (entry: AuditView) => JSON.stringify(entry);
	if (format === "csv") yield Buffer.from(`${COLUMNS.join(",")}\n`);
	for (let before: bigint | undefined; ; ) {
		const rows = await read(app, before, by, CHUNK);
		yield Buffer.from(rows.map((row) => `${line(auditView(row))}\n`).join(""));
		before = rows.at(-1)?.id;
		if (rows.length < CHUNK) return;
	}
}

/** Quoted where it must be: what stands in it are names, paths and addresses, none of which begins a formula. */
const csvOf = (entry: AuditView) =>
	COLUMNS.map((column) => {
		const text = String(entry[column] ?? "");
		return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
	}).join(",");
