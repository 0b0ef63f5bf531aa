// Files as answers: what they are of, and their bytes as the trainer sends them.
import { Readable } from "node:stream";
import { Type } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";

export const FILE_TYPES = {
	ndjson: "application/x-ndjson; charset=utf-8",
	csv: "text/csv; charset=utf-8; header=present",
	parquet: "application/vnd.apache.parquet",
};
export type FileFormat = keyof typeof FILE_TYPES;

const binary = { schema: Type.String({ format: "binary" }) };
/** The content of an answer that is a file of one of these formats. */
export const contentOf = (formats: readonly FileFormat[]) =>
	Object.fromEntries(formats.map((format) => [FILE_TYPES[format].split(";", 1)[0] as string, binary]));

/** An empty stream is an answer to HEAD, too. */
export const sendBytes = (reply: FastifyReply, bytes: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) =>
	reply.send(Readable.from(bytes, { objectMode: false })) as never;

/** A stream whose first message has been waited for: what is wrong shows before the first byte, and is an answer, not a broken one. */
export async function* withFirst<T>({ done, value }: IteratorResult<T>, rest: AsyncGenerator<T>): AsyncGenerator<T> {
	if (done) return;
	yield value;
	yield* rest;
}
