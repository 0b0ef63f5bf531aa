// Uploads of files to be imported: their limits, and each file staged as it comes.
import multipart, { type MultipartFile } from "@fastify/multipart";
import { Type } from "@fastify/type-provider-typebox";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { ApiError } from "../http/errors.js";
import { partsOf, shownName } from "../http/multipart.js";
import { validatorCompiler } from "../http/validation.js";
import type { StoredFile } from "./dataset-store.js";
import { wrong } from "./import-rule.js";

const MOST_FILES = 20;
const MOST_FIELDS = 10;
const MOST_FIELD_BYTES = 100_000;

export const UploadedFile = Type.Unsafe<Blob>({ type: "string", format: "binary" });

/** For the routes of one file. */
export async function takeUploads(app: FastifyInstance): Promise<void> {
	await app.register(multipart, {
		limits: {
			fieldSize: MOST_FIELD_BYTES,
			fields: MOST_FIELDS,
			files: MOST_FILES,
			fileSize: app.config.mostUploadBytes,
			parts: MOST_FILES + MOST_FIELDS,
		},
		throwFileSizeLimit: true,
	});
}

/** Of a route whose body is a stream: what its parts may be is checked as they come. */
export const allButBody: typeof validatorCompiler = (part) =>
	part.httpPart === "body" ? () => true : validatorCompiler(part);

/**
 * Stages every file as it comes; `files` grows by what is staged, also when this throws. `fields`: what may stand beside them,
 * each once, and how it is read.
 */
export async function receiveUpload<F extends Record<string, (value: unknown) => unknown>>(
	app: FastifyInstance,
	request: FastifyRequest,
	roles: readonly string[],
	fields: F,
	files: StoredFile[],
): Promise<{ [name in keyof F]?: ReturnType<F[name]> }> {
	if (!request.isMultipart()) throw new ApiError("unsupported_media_type", "Send multipart/form-data.");
	const given: Record<string, unknown> = {};
	const names = Object.keys(fields);
	for await (const part of partsOf(request)) {
		const { fieldname } = part;
		const read = Object.hasOwn(fields, fieldname) ? fields[fieldname] : undefined;
		if (part.type === "file") files.push(await stage(app, part, roles));
		else if (!read) {
			const are = names.length === 1 ? "the field is" : "fields are";
			throw wrong(`/${fieldname}`, "unknown_field", `is not known here: ${are} ${names.join(" and ")}`);
		} else if (Object.hasOwn(given, fieldname)) throw wrong(`/${fieldname}`, "not_allowed", "is given twice");
		else given[fieldname] = read(part.value);
	}
	return given as { [name in keyof F]?: ReturnType<F[name]> };
}

async function stage(app: FastifyInstance, part: MultipartFile, roles: readonly string[]): Promise<StoredFile> {
	if (!roles.includes(part.fieldname)) {
		throw wrong(`/${part.fieldname}`, "unknown_field", `is not known here: files are ${roles.join(", ")}`);
	}
	const { uploadKey, sha256, bytes } = await app.trainer.uploadFile(part.file);
	return { role: part.fieldname, uploadKey, sha256, bytes, displayName: shownName(part) };
}
