// Tracing by OpenTelemetry, which reads its standard environment itself. Loaded only where traces are wanted.
import { setTimeout as sleep } from "node:timers/promises";
import { InterceptingCall, type Interceptor } from "@grpc/grpc-js";
import {
	type Context,
	context,
	DiagLogLevel,
	diag,
	propagation,
	ROOT_CONTEXT,
	type Span,
	SpanKind,
	SpanStatusCode,
	trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider } from "@opentelemetry/sdk-trace-node";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Tracing } from "./tracing.js";

/** A collector that is away must not hold up the end of a process. */
const END_MS = 2_000;
const KINDS = { internal: SpanKind.INTERNAL, consumer: SpanKind.CONSUMER };
/** Asked every few seconds, about nothing that anybody did. */
const UNTRACED = new Set(["/healthz", "/readyz", "/metrics"]);
const HEALTH = "/grpc.health";

/** name: of the process, unless OTEL_SERVICE_NAME says another. */
export function openTelemetry(name: string): Tracing {
	const named = defaultResource().merge(resourceFromAttributes({ "service.name": name }));
	const provider = new NodeTracerProvider({
		resource: named.merge(detectResources({ detectors: [envDetector] })),
		spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())],
	});
	provider.register();
	const tracer = trace.getTracer("valence");

	const interceptor: Interceptor = (options, nextCall) => {
		const { path } = options.method_definition;
		if (path.startsWith(HEALTH)) return new InterceptingCall(nextCall(options));
		const span = tracer.startSpan(path.slice(1), { kind: SpanKind.CLIENT, attributes: { "rpc.system": "grpc" } });
		return new InterceptingCall(nextCall(options), {
			start(metadata, _listener, next) {
				const fields: Record<string, string> = {};
				propagation.inject(trace.setSpan(context.active(), span), fields);
				for (const [field, value] of Object.entries(fields)) metadata.set(field, value);
				next(metadata, {
					onReceiveStatus(status, pass) {
						span.setAttribute("rpc.grpc.status_code", status.code);
						if (status.code !== 0) span.setStatus({ code: SpanStatusCode.ERROR });
						span.end();
						pass(status);
					},
				});
			},
		});
	};

	function watch(app: FastifyInstance): void {
		const under = new WeakMap<FastifyRequest, { span: Span; within: Context }>();
		const warn = (message: string) => app.log.warn({ said: message }, "traces");
		const nothing = () => undefined;
		const logger = { error: warn, warn, info: nothing, debug: nothing, verbose: nothing };
		diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
		app.addHook("onRequest", async (request) => {
			// The pattern, never the address: it carries people's ids.
			const route = request.routeOptions.url ?? "unknown";
			if (UNTRACED.has(route)) return;
			const attributes = { "http.request.method": request.method, "http.route": route };
			const from = propagation.extract(ROOT_CONTEXT, request.headers);
			const span = tracer.startSpan(`${request.method} ${route}`, { kind: SpanKind.SERVER, attributes }, from);
			under.set(request, { span, within: trace.setSpan(from, span) });
		});
		// Not before: reading a body leaves what is under way.
		app.addHook("preHandler", (request, _reply, done) => {
			const found = under.get(request);
			if (found) context.with(found.within, done);
			else done();
		});
		app.addHook("onResponse", async (request, { statusCode }) => {
			const span = under.get(request)?.span;
			span?.setAttribute("http.response.status_code", statusCode);
			if (statusCode >= 500) span?.setStatus({ code: SpanStatusCode.ERROR });
			span?.end();
		});
	}

	return {
		within(name, { kind = "internal", parent, attributes = {} }, work) {
			const from = parent ? propagation.extract(ROOT_CONTEXT, { traceparent: parent }) : context.active();
			return tracer.startActiveSpan(name, { kind: KINDS[kind], attributes }, from, async (span) => {
				try {
					return await work();
				} catch (error) {
					// Its kind alone: a message may quote somebody's data.
					span.setStatus({ code: SpanStatusCode.ERROR, message: error instanceof Error ? error.name : "" });
					throw error;
				} finally {
					span.end();
				}
			});
		},
		traceparent() {
			const fields: { traceparent?: string } = {};
			propagation.inject(context.active(), fields);
			return fields.traceparent;
		},
		watch,
		interceptors: [interceptor],
		async end() {
			await Promise.race([provider.shutdown().catch(() => undefined), sleep(END_MS, undefined, { ref: false })]);
		},
	};
}
