// The file of an export: whole or from a place on, proved on its way.
import { createHash } from "node:crypto";
import { type FastifyPluginAsyncTypebox, Type } from "@fastify/type-provider-typebox";
import type { ReadExportResponse } from "../generated/proto/trainer/v1/trainer.js";
import { RemoteError } from "../grpc.js";
import { ApiError } from "../http/errors.js";
import { contentOf, FILE_TYPES, sendBytes, withFirst } from "../http/file.js";
import { IdParams, problems } from "../http/schemas.js";
import { type ExportRow, exportQuery, type Format } from "../views/export.js";

const FORMATS = Object.keys(FILE_TYPES) as Format[];

interface Range {
	first: number;
	last: number;
}

const routes: FastifyPluginAsyncTypebox = async (app) => {
	app.get(
		"/exports/:id/file",
		{
			config: { access: ["train"] },
			schema: {
				operationId: "downloadExport",
				summary: "Download the file of an export; takes Range and If-None-Match",
				tags: ["exports"],
				params: IdParams,
				response: {
					200: { description: "The file; its ETag is its sha256", content: contentOf(FORMATS) },
					206: { description: "The range asked for", content: contentOf(FORMATS) },
					304: Type.Null({ description: "It is the one you have" }),
					...problems,
				},
			},
		},
		async (request, reply) => {
			const { id } = request.params;
			const row = await app.prisma.export.findUnique({ ...exportQuery, where: { id } });
			if (!row) throw new ApiError("not_found", "There is no export with this id.");
			const { state } = row.job;
			if (state !== "SUCCEEDED") throw new ApiError("conflict", `The export is ${state}; it has no file.`);
			if (!row.artifactKey) throw gone();
			const [size, sha256] = [Number(row.bytes), row.sha256 ?? ""];
			const etag = `"${sha256}"`;
			const headers = {
				etag,
				"accept-ranges": "bytes",
				"cache-control": "private, no-cache",
				"content-type": FILE_TYPES[row.format as Format],
				"content-disposition": `attachment; filename="${fileName(row)}"`,
			};
			if (request.headers["if-none-match"]?.split(/\s*,\s*/).some((tag) => tag === etag || tag === "*")) {
				return sendBytes(reply.code(304).headers(headers), []);
			}
			const ifRange = request.headers["if-range"];
			const asked = ifRange === undefined || ifRange === etag ? rangeOf(request.headers.range, size) : null;
			if (asked && asked.first > asked.last) {
				reply.header("content-range", `bytes */${size}`);
				throw new ApiError("range_not_satisfiable", `The file has ${size} bytes.`);
			}
			const { first, last } = asked ?? { first: 0, last: size - 1 };
			const answered = {
				...headers,
				"content-length": last - first + 1,
				...(asked && { "content-range": `bytes ${first}-${last}/${size}` }),
			};
			reply.code(asked ? 206 : 200);
			if (request.method === "HEAD") return sendBytes(reply.headers(answered), []);

			const stop = new AbortController();
			reply.raw.on("close", () => stop.abort());
			const chunks = app.trainer.readExport(row.artifactKey, first, stop.signal);
			// What is wrong shows before the first byte: then it is an answer, not a broken one.
			const start = await chunks.next().catch(async (error) => {
				if (!(error instanceof RemoteError && error.code === "export_gone")) throw error;
				await app.prisma.export.updateMany({ where: { id }, data: { artifactKey: null } });
				throw gone();
			});
			const bytes = asked ? cut(start, chunks, last - first + 1) : proved(start, chunks, sha256);
			return sendBytes(reply.headers(answered), bytes);
		},
	);
};
export default routes;

const gone = () => new ApiError("export_gone", "The file is not on the disk any more. Export again.");

/** What a browser saves it as: letters, digits, dots and dashes only. */
const fileName = ({ deploymentName, createdAt, id, format }: ExportRow) =>
	`${deploymentName}-${createdAt.toISOString().slice(0, 10)}-${id.slice(0, 8)}.${format}`;

/** The one range that is asked for, perhaps empty; null: the whole file, also where the header is none that we know. */
function rangeOf(header: string | undefined, size: number): Range | null {
	const [, from = "", to = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
	if (from === "" && to === "") return null;
	if (from === "") return { first: Math.max(0, size - Number(to)), last: size - 1 };
	return { first: Number(from), last: to === "" ? size - 1 : Math.min(Number(to), size - 1) };
}

type Chunks = AsyncGenerator<ReadExportResponse>;
type Start = IteratorResult<ReadExportResponse>;

async function* cut(start: Start, rest: Chunks, length: number): AsyncGenerator<Uint8Array> {
	let left = length;
	for await (const { chunk } of withFirst(start, rest)) {
		yield chunk.subarray(0, left);
		left -= chunk.length;
		if (left <= 0) return;
	}
}

/** Holds the last chunk back until all are known to be as they were written: a damaged file ends too early. */
async function* proved(start: Start, rest: Chunks, sha256: string): AsyncGenerator<Uint8Array> {
	const hash = createHash("sha256");
	let held: Uint8Array | null = null;
	for await (const { chunk } of withFirst(start, rest)) {
		hash.update(chunk);
		if (held) yield held;
		held = chunk;
	}
	if (hash.digest("hex") !== sha256) throw new Error("the file of the export is damaged");
	if (held) yield held;
}
