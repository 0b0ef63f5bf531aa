// Multipart bodies as they come, part by part.
import type { Multipart, MultipartFile } from "@fastify/multipart";
import type { FastifyRequest } from "fastify";
import { ApiError } from "./errors.js";

const BROKEN = "The multipart body is broken or ends too early.";
/** What the parser says of a body, in the middle of a file too, has neither code nor status. */
const OF_PARSER = /terminated early|^Unexpected end of multipart|^Multipart: /;
export const brokenBody = (error: Error) =>
	OF_PARSER.test(error.message) && !("code" in error) ? new ApiError("invalid_request", BROKEN) : null;

/** Throws invalid_request where the body itself is broken. */
export async function* partsOf(request: FastifyRequest): AsyncGenerator<Multipart> {
	try {
		yield* request.parts();
	} catch (error) {
		if (!(error instanceof Error) || "code" in error) throw error;
		throw new ApiError("invalid_request", BROKEN);
	}
}

/** The name of a file as its sender has it: for messages only, never a path. */
export const shownName = (part: MultipartFile) =>
	(part.filename || part.fieldname).toWellFormed().replaceAll("\u0000", "").slice(-255);
