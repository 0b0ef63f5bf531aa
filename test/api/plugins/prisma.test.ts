// What counts as a database that is away: it is waited for, and answered with 503.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient } from "../../../services/api/src/generated/prisma/client.js";
import { RemoteError } from "../../../services/api/src/grpc.js";
import { isDatabaseAway } from "../../../services/api/src/plugins/prisma.js";
import { createDatabase } from "../../support/database.js";

test.each([
	"connect ECONNREFUSED 10.0.0.1:5432",
	"connect EHOSTUNREACH 10.0.0.1:5432",
	"connect ENETUNREACH 10.0.0.1:5432",
	"read ETIMEDOUT",
	"getaddrinfo ENOTFOUND postgres.example.org",
	"getaddrinfo EAI_AGAIN postgres.example.org",
	"Connection terminated unexpectedly",
])("away: %s, also as a cause", (message) => {
	expect(isDatabaseAway(new Error(message))).toBe(true);
	expect(isDatabaseAway(new Error("a query failed", { cause: new Error(message) }))).toBe(true);
});

const failedWith = (kind: string) =>
	Object.assign(new Error("Raw query failed"), { meta: { driverAdapterError: { cause: { kind } } } });
test.each(["DatabaseNotReachable", "ConnectionClosed", "SocketTimeout", "TooManyConnections"])(
	"away: %s, whatever the words",
	(kind) => expect(isDatabaseAway(failedWith(kind))).toBe(true),
);

test.each([
	failedWith("UniqueConstraintViolation"),
	new Error('relation "runs" does not exist'),
	new Error("duplicate key value violates unique constraint"),
	new RemoteError("unavailable", "connect ECONNREFUSED 127.0.0.1:50051"),
])("not away: %s", (error) => {
	expect(isDatabaseAway(error)).toBe(false);
});

test("away: a connection is reset in the middle of a statement, a raw one too", async () => {
	const database = await createDatabase();
	const { hostname, port } = new URL(database.url);
	const sockets: Socket[] = [];
	const between = createServer((socket) => {
		sockets.push(socket);
		const there = connect(Number(port), hostname);
		socket.pipe(there).pipe(socket);
		for (const one of [socket, there]) one.on("error", () => undefined).on("close", () => there.destroy());
	}).listen(0, "127.0.0.1");
	await once(between, "listening");
	const url = new URL(database.url);
	url.host = `127.0.0.1:${(between.address() as AddressInfo).port}`;
	const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: url.href }), errorFormat: "minimal" });
	const asked = [
		() => prisma.$queryRaw`SELECT 1 FROM pg_sleep(30)`,
		() => prisma.$executeRaw`SELECT pg_sleep(30)`,
		() => prisma.$transaction((tx) => tx.$queryRaw`SELECT 1 FROM pg_sleep(30)`),
	];
	for (const ask of asked) {
		await prisma.job.count();
		const answer = Promise.resolve(ask()).then(
			() => null,
			(error: Error) => error,
		);
		await sleep(200);
		for (const socket of sockets.splice(0)) socket.resetAndDestroy();
		const error = await answer;
		expect([error?.message, isDatabaseAway(error)]).toEqual([expect.any(String), true]);
	}
	await prisma.$disconnect();
	between.close();
	await database.drop();
});
