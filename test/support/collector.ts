// A collector of traces over OTLP/HTTP, as much of one as a test needs: it keeps what it is sent.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

export interface Span {
	service: string;
	name: string;
	trace: string;
	id: string;
	/** Empty of the first. */
	parent: string;
}

/** The fields of a message that are messages, texts or bytes, by number. */
function fieldsOf(bytes: Uint8Array): (number: number) => Uint8Array[] {
	const found = new Map<number, Uint8Array[]>();
	const reader = new BinaryReader(bytes);
	while (reader.pos < reader.len) {
		const [number, type] = reader.tag();
		if (type !== WireType.LengthDelimited) reader.skip(type);
		else found.set(number, [...(found.get(number) ?? []), reader.bytes()]);
	}
	return (number) => found.get(number) ?? [];
}
const text = (bytes?: Uint8Array) => Buffer.from(bytes ?? []).toString();
const hex = (bytes?: Uint8Array) => Buffer.from(bytes ?? []).toString("hex");

/** opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest */
function spansOf(request: Uint8Array): Span[] {
	return fieldsOf(request)(1).flatMap((resourceSpans) => {
		const [resource, scopes] = [fieldsOf(resourceSpans)(1)[0], fieldsOf(resourceSpans)(2)];
		const named = fieldsOf(resource as Uint8Array)(1).find((pair) => text(fieldsOf(pair)(1)[0]) === "service.name");
		const service = text(fieldsOf(fieldsOf(named as Uint8Array)(2)[0] as Uint8Array)(1)[0]);
		return scopes
			.flatMap((scope) => fieldsOf(scope)(2))
			.map((span) => {
				const field = fieldsOf(span);
				const [trace, id, parent] = [1, 2, 4].map((number) => hex(field(number)[0])) as [string, string, string];
				return { service, name: text(field(5)[0]), trace, id, parent };
			});
	});
}

export async function startCollector() {
	const spans: Span[] = [];
	const server = createServer(async (request, reply) => {
		const body = await buffer(request);
		if (request.url === "/v1/traces") spans.push(...spansOf(body));
		reply.writeHead(request.url === "/v1/traces" ? 200 : 404, { "content-type": "application/x-protobuf" }).end();
	});
	await new Promise<void>((listens) => server.listen(0, "127.0.0.1", listens));
	return {
		url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
		spans,
		close: () => new Promise((closed) => server.close(closed).closeAllConnections()),
	};
}
