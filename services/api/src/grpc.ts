// gRPC calls as promises and async iterables with abort signals; errors carry the code of the Python side.
import {
	type Client,
	type ClientReadableStream,
	type ClientUnaryCall,
	credentials,
	Metadata,
	type ServiceError,
	status,
} from "@grpc/grpc-js";
import { tracing } from "./tracing.js";

const MESSAGE_BYTES = 4 * 2 ** 20;
const CHANNEL_OPTIONS = {
	"grpc.keepalive_time_ms": 10_000,
	"grpc.keepalive_timeout_ms": 5_000,
	"grpc.max_receive_message_length": MESSAGE_BYTES,
	"grpc.initial_reconnect_backoff_ms": 200,
	"grpc.max_reconnect_backoff_ms": 2_000,
};
export const channelOptions = () => ({ ...CHANNEL_OPTIONS, interceptors: tracing().interceptors });
export const insecure = credentials.createInsecure;

export class RemoteError extends Error {
	constructor(
		/** A code of errors.ts, `unavailable` (nobody answers), `timeout`, `cancelled` or `internal`. */
		readonly code: string,
		message: string,
		readonly field = "",
	) {
		super(message);
	}
}

const READY_MS = 1_500;
/** grpc.health.v1.HealthCheckResponse with status SERVING; its request for the whole server is empty. */
const SERVING = Buffer.from([8, 1]);

/** Asks the standard health service. Rejects when the other side is away, hangs, or does not serve. */
export const ready = (client: Client): Promise<void> =>
	new Promise((resolve, reject) => {
		client.makeUnaryRequest(
			"/grpc.health.v1.Health/Check",
			() => Buffer.alloc(0),
			(bytes: Buffer) => bytes,
			{},
			new Metadata({ waitForReady: true }),
			{ deadline: Date.now() + READY_MS },
			(error, answer) => (!error && answer?.equals(SERVING) ? resolve() : reject(error ?? new Error("not serving"))),
		);
	});

type Callback<T> = (error: ServiceError | null, response: T) => void;
export type Unary<Q, A> = (
	request: Q,
	metadata: Metadata,
	options: { deadline: Date },
	done: Callback<A>,
) => ClientUnaryCall;

export function unary<Q, A>(method: Unary<Q, A>, request: Q, timeout: number): Promise<A> {
	return new Promise((resolve, reject) => {
		method(request, new Metadata(), { deadline: new Date(Date.now() + timeout) }, (error, response) =>
			error ? reject(remoteError(error)) : resolve(response),
		);
	});
}

/** Leaving the loop does not cancel a gRPC call by itself; `finally` does. */
export async function* serverStream<T>(call: ClientReadableStream<T>, signal: AbortSignal): AsyncGenerator<T> {
	const cancel = () => call.cancel();
	// Cancelling ends the call with an error event after the loop is over; unheard it would stop the process.
	call.on("error", () => undefined);
	signal.addEventListener("abort", cancel, { once: true });
	if (signal.aborted) cancel();
	try {
		for await (const message of call) yield message as T;
	} catch (error) {
		throw remoteError(error as ServiceError);
	} finally {
		signal.removeEventListener("abort", cancel);
		call.cancel();
	}
}

export function remoteError(error: ServiceError): RemoteError {
	const code = error.metadata?.get("valence-code")[0]?.toString();
	const field = error.metadata?.get("valence-field")[0]?.toString() ?? "";
	return new RemoteError(code || codeOf(error.code), error.details || error.message, field);
}

function codeOf(grpcStatus: status): string {
	switch (grpcStatus) {
		case status.UNAVAILABLE:
			return "unavailable";
		case status.DEADLINE_EXCEEDED:
			return "timeout";
		case status.CANCELLED:
			return "cancelled";
		default:
			return "internal";
	}
}
