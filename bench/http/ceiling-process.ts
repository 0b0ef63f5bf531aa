// The ceiling: ready answers in a Map behind a bare Fastify, without logging or validation. Usage: FILE PORT
import { readFileSync } from "node:fs";
import fastify from "fastify";

const [file = "", port = ""] = process.argv.slice(2);
const bodies = new Map<string, string>(JSON.parse(readFileSync(file, "utf8")));
const app = fastify({ logger: false });
app.get<{ Params: { id: string } }>("/users/:id/recommendations", (request, reply) => {
	const body = bodies.get(request.params.id);
	if (body === undefined) reply.code(404).send();
	else reply.header("content-type", "application/json; charset=utf-8").send(body);
});
process.stdin.on("end", () => process.exit(0)).resume();
await app.listen({ host: "127.0.0.1", port: Number(port) });
