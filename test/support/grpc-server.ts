// A gRPC server on a free port, for fakes at the boundary to Python.
import {
	type handleUnaryCall,
	Metadata,
	Server,
	ServerCredentials,
	type ServiceDefinition,
	status,
	type UntypedServiceImplementation,
} from "@grpc/grpc-js";

const bytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value };
/** grpc.health.v1, always SERVING. */
const HEALTH: ServiceDefinition = {
	check: {
		path: "/grpc.health.v1.Health/Check",
		requestStream: false,
		responseStream: false,
		requestSerialize: bytes.serialize,
		requestDeserialize: bytes.deserialize,
		responseSerialize: bytes.serialize,
		responseDeserialize: bytes.deserialize,
	},
};

export interface FakeServer {
	address: string;
	close(): Promise<void>;
}

export async function listen<T extends UntypedServiceImplementation>(
	service: ServiceDefinition,
	implementation: T,
	address = "127.0.0.1:0",
): Promise<FakeServer> {
	const server = new Server();
	server.addService(service, implementation);
	server.addService(HEALTH, {
		check: ((_call, done) => done(null, Buffer.from([8, 1]))) as handleUnaryCall<Buffer, Buffer>,
	});
	const port = await new Promise<number>((resolve, reject) =>
		server.bindAsync(address, ServerCredentials.createInsecure(), (error, bound) =>
			error ? reject(error) : resolve(bound),
		),
	);
	return {
		address: `127.0.0.1:${port}`,
		close: async () => server.forceShutdown(),
	};
}

/** What the Python side sends for an expected failure: a status, and the code in the trailing metadata. */
export function refusal(code: keyof typeof status, valenceCode: string, details: string, field = "") {
	const metadata = new Metadata();
	metadata.set("valence-code", valenceCode);
	if (field) metadata.set("valence-field", field);
	return { code: status[code], details, metadata };
}
