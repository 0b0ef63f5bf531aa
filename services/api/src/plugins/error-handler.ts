// Every error leaves as problem details; unexpected ones tell the client nothing about the inside.
import type { ErrorObject } from "ajv";
import type { FastifyError } from "fastify";
import fp from "fastify-plugin";
import { RemoteError } from "../grpc.js";
import { ApiError, ERRORS, type ErrorCode, isErrorCode } from "../http/errors.js";
import { brokenBody } from "../http/multipart.js";
import { sendProblem } from "../http/problem.js";
import { problemOf } from "../http/validation.js";
import { isDatabaseAway } from "./prisma.js";

const RETRY_SECONDS = 2;
const LOGGED = "It has been logged under the instance given here.";
const PART: Record<string, string> = { querystring: "/query", params: "/params", headers: "/headers" };
const BY_STATUS: Record<number, ErrorCode> = {
	404: "not_found",
	413: "body_too_large",
	414: "uri_too_long",
	415: "unsupported_media_type",
	429: "too_many_streams",
};
/** Where the caller gave what the Python side names otherwise. */
const ASKED: Record<string, string> = {
	user: "/params/id",
	item: "/params/id",
	history: "/items",
	"history.items": "/items",
	"checkpoint.key": "/checkpoint",
};
/** Of the Python side: nobody answered, or not in time. */
const AWAY = new Set(["unavailable", "timeout", "cancelled", "no_free_slot"]);

export default fp(
	async (app) => {
		app.setErrorHandler<FastifyError>((error, request, reply) => {
			const known = translate(error, request.routeOptions.schema?.consumes);
			if (known.code === "internal") request.log.error({ err: described(error) }, "unexpected error");
			else if (known.status >= 500) request.log.warn({ err: described(error) }, "cannot answer");
			return sendProblem(reply, request.id, known);
		});
	},
	{ name: "error-handler" },
);

/** Kind and place of an error. Not its message: it may quote the request, which may be about a person. */
function described(error: Error & { code?: string }): object {
	const { code, cause, stack = "" } = error;
	return {
		type: error.constructor.name,
		...(code !== undefined && { code }),
		at: stack.split("\n").filter((line) => /^\s+at /.test(line)),
		...(cause instanceof Error && { cause: described(cause) }),
	};
}

/** What a caller may know of any error. `consumes`: what the route takes. */
export function translate(error: FastifyError, consumes: readonly string[] = ["application/json"]): ApiError {
	if (error instanceof ApiError) return error;
	if (error instanceof RemoteError) return fromRemote(error);
	if (error.validation) {
		const part = PART[error.validationContext ?? ""] ?? "";
		const problems = (error.validation as unknown as ErrorObject[]).map((one) => problemOf(one, part));
		const [first] = problems;
		return new ApiError("invalid_request", `${first?.pointer} ${first?.message}.`, problems);
	}
	const broken = brokenBody(error);
	if (broken) return broken;
	if (isDatabaseAway(error)) return new ApiError("unavailable", "The database is away.", [], RETRY_SECONDS);
	const status = error.statusCode ?? 500;
	if (status < 400 || status >= 500) return new ApiError("internal", LOGGED);
	const code = BY_STATUS[status] ?? "invalid_request";
	// Fastify's own messages speak of the request; a parser's may quote the body.
	const own = status === 415 ? `Send ${consumes.join(" or ")}.` : error.message;
	const detail = error.code?.startsWith("FST_") ? own : "The body is not valid JSON.";
	return new ApiError(code, detail);
}

/** What the Python side refused: its code where clients may see it, else that a part of the service is away. */
function fromRemote(error: RemoteError): ApiError {
	if (AWAY.has(error.code))
		return new ApiError("unavailable", "A part of the service does not answer.", [], RETRY_SECONDS);
	if (!isErrorCode(error.code) || error.code === "internal") return new ApiError("internal", LOGGED);
	const [status, title, advice] = ERRORS[error.code];
	if (status >= 500) return new ApiError(error.code, `${title}.`, [], status === 503 ? RETRY_SECONDS : undefined);
	const { code, field, message } = error;
	const isMissing = status === 404;
	const problem = {
		pointer: ASKED[field] ?? `/${field.replaceAll(".", "/").replace(/\[(\d+)\]/g, "/$1")}`,
		code,
		message: isMissing ? "is not known here" : message,
	};
	return new ApiError(
		code as ErrorCode,
		isMissing ? `${title}. ${advice.replaceAll("`", "")}` : message,
		field ? [problem] : [],
	);
}
