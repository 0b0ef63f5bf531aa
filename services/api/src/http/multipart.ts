// Multipart bodies as they come, part by part.
import type { Multipart, MultipartFile } from "@fastify/multipart";
import type { FastifyRequest } from "fastify";
import { ApiError } from "./errors.js";

/** Throws invalid_request where the body itself is broken. */
export async function* partsOf(request: FastifyRequest): AsyncGenerator<Multipart> {
	try {
		yield* request.parts();
	} catch (error) {
		// What the parser says of a broken body has neither code nor status.
		if (!(error instanceof Error) || "code" in error) throw error;
		throw new ApiError("invalid_request", "The multipart body is broken or ends too early.");
	}
}

/** The name of a file as its sender has it: for messages only, never a path. */
export const shownName = (part: MultipartFile) =>
	(part.filename || part.fieldname).toWellFormed().replaceAll("\u0000", "").slice(-255);
