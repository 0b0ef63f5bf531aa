// Following a run while the service goes away and comes back; what it says is scripted, the connections are real.
import { createServer, type RequestListener } from "node:http";
import { connect, Problem } from "@valence/client";
import { freePort } from "../../services/supervisor/src/ports.js";
import { AN_ID } from "../support/routes.js";

const message = (id: number, state: string) => `id: ${id}\nevent: state\ndata: {"state":"${state}"}\n\n`;
const STREAM = { "content-type": "text/event-stream" };
const cutOff: RequestListener = (_request, response) => {
	response.writeHead(200, STREAM).write(message(1, "RUNNING"), () => setTimeout(() => response.destroy(), 50));
};
const refused =
	(status: number): RequestListener =>
	(_request, response) =>
		response.writeHead(status).end("<h1>A proxy</h1>");
const says =
	(text: string): RequestListener =>
	(_request, response) =>
		response.writeHead(200, STREAM).end(text);

/** What is seen of a service that gives these answers one after another, and what is thrown at the end. */
async function followed(answers: RequestListener[]) {
	const after: unknown[] = [];
	const server = createServer((request, response) => {
		after.push(request.headers["last-event-id"]);
		answers[after.length - 1]?.(request, response);
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	const { port } = server.address() as { port: number };
	const seen: number[] = [];
	let error: unknown = null;
	try {
		for await (const { id } of connect(`http://127.0.0.1:${port}`).follow(AN_ID)) seen.push(id);
	} catch (thrown) {
		error = thrown;
	} finally {
		server.closeAllConnections();
		server.close();
	}
	return { after, seen, error };
}

it("says at once that nobody answers, and does not wait for somebody who never did", async () => {
	const nowhere = connect(`http://127.0.0.1:${await freePort()}`);
	const error = await nowhere
		.follow(AN_ID)
		.next()
		.catch((thrown) => thrown);
	expect(error).toBeInstanceOf(Problem);
	expect(error).toMatchObject({ status: 0, code: "unavailable" });
	expect(await followed([refused(503)])).toMatchObject({ after: ["0"], error: { status: 503 } });
});

it("goes on after the last event once a service that was away is back", async () => {
	const { after, seen, error } = await followed([cutOff, refused(502), refused(503), says(message(2, "SUCCEEDED"))]);
	expect([after, seen, error]).toEqual([["0", "1", "1", "1"], [1, 2], null]);
});

it("asks no more when it is refused later, or hears what it does not understand", async () => {
	expect(await followed([cutOff, refused(404)])).toMatchObject({ after: ["0", "1"], error: { status: 404 } });
	const garbled = await followed([says(`${message(1, "RUNNING")}id: 2\nevent: state\ndata: {"sta\n\n`)]);
	expect([garbled.after, garbled.seen]).toEqual([["0"], [1]]);
	expect(garbled.error).toBeInstanceOf(SyntaxError);
});
