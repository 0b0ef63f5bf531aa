// One trace over all processes, where OTEL_EXPORTER_OTLP_ENDPOINT is set. Elsewhere nothing of OpenTelemetry is loaded, and work is just done.
import type { Interceptor } from "@grpc/grpc-js";
import type { FastifyInstance } from "fastify";

export interface SpanOptions {
	/** consumer: what a queue delivered. */
	kind?: "internal" | "consumer";
	/** A traceparent (W3C) that came along; without it the span is part of what is under way. */
	parent?: string | undefined;
	/** Never ids of users or items. */
	attributes?: Record<string, string | number>;
}

export interface Tracing {
	/** Does the work in a span of its own. */
	within<T>(name: string, options: SpanOptions, work: () => Promise<T>): Promise<T>;
	/** Of what is under way, for somebody who goes on with it later. */
	traceparent(): string | undefined;
	/** A span for each request that is answered. */
	watch(app: FastifyInstance): void;
	/** A span for each call of gRPC, which the other side continues. */
	readonly interceptors: Interceptor[];
	/** Sends what has not been sent; returns in any case. */
	end(): Promise<void>;
}

let present: Tracing = {
	within: (_name, _options, work) => work(),
	traceparent: () => undefined,
	watch: () => undefined,
	interceptors: [],
	end: async () => undefined,
};

export const tracing = (): Tracing => present;

/** From now on; before there is anything to be traced. */
export function traceBy(tracing: Tracing): void {
	present = tracing;
}
