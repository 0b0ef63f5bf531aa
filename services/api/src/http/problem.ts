// Problem details, RFC 9457: the only form in which errors leave.
import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { ApiError, ERRORS } from "./errors.js";

/** A relative reference: the api serves the page itself. */
const ERRORS_PAGE = "/errors#";
const TYPE = "application/problem+json; charset=utf-8";

const bodyOf = (requestId: string, error: ApiError) => ({
	type: `${ERRORS_PAGE}${error.code}`,
	title: ERRORS[error.code][1],
	status: error.status,
	detail: error.message,
	instance: `urn:uuid:${requestId}`,
	code: error.code,
	...(error.problems.length > 0 && { errors: error.problems }),
});

export function sendProblem(reply: FastifyReply, requestId: string, error: ApiError): FastifyReply {
	if (error.retryAfterSeconds !== undefined) reply.header("retry-after", String(error.retryAfterSeconds));
	// Serialised here: the response schemas of a route must not be able to drop or change anything.
	return reply
		.code(error.status)
		.header("content-type", TYPE)
		.serializer((payload: unknown) => JSON.stringify(payload))
		.send(bodyOf(requestId, error));
}

/** Errors of the router: they come before any plugin, the error handler included. */
export function onBadAddress(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
	const tooLong = error.statusCode === 414;
	const message = tooLong ? "is longer than 512 bytes" : "is not valid percent-encoded UTF-8";
	const problem = { pointer: "/params/id", code: "bad_format", message };
	sendProblem(reply, request.id, new ApiError("invalid_request", `An id in the path ${message}.`, [problem]));
}

/** Bytes on a connection that Node cannot read as a request. */
export function onBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
	if (error.code === "ECONNRESET" || socket.destroyed || !socket.writable) return void socket.destroy();
	const problem =
		error.code === "HPE_HEADER_OVERFLOW"
			? new ApiError("headers_too_large", "The headers take more than 16 KiB.")
			: new ApiError("invalid_request", "The bytes sent are not an HTTP request, or came too slowly.");
	const body = JSON.stringify(bodyOf(randomUUID(), problem));
	const head = [
		`HTTP/1.1 ${problem.status} ${problem.status === 431 ? "Request Header Fields Too Large" : "Bad Request"}`,
		`Content-Type: ${TYPE}`,
		`Content-Length: ${Buffer.byteLength(body)}`,
		"Connection: close",
	];
	socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}
