import { followEvents, parseEvents, type RunEvent } from "../../services/dashboard/src/event-stream";

const text = (id: number, type: string, data: object) => `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
const STARTED = text(1, "state", { state: "RUNNING" });
const LOGGED = text(2, "log", { message: "a: b" });
const ENDED = text(3, "state", { state: "SUCCEEDED" });

it("takes whole events and keeps the rest for the next chunk", () => {
	const stream = `retry: 2000\n\n${STARTED}: still here\n\n${LOGGED.slice(0, 35)}`;
	const { events, rest } = parseEvents(stream);
	expect(events).toEqual([{ id: 1, type: "state", data: { state: "RUNNING" } }]);
	const more = parseEvents(rest + LOGGED.slice(35));
	expect(more).toEqual({ events: [{ id: 2, type: "log", data: { message: "a: b" } }], rest: "" });
});

/** Answers one after another; a function among them fails the request. */
async function follow(answers: (() => Response)[], signal = new AbortController().signal) {
	const asked: number[] = [];
	const seen: RunEvent[] = [];
	const open = async (after: number) => {
		asked.push(after);
		return (answers[asked.length - 1] as () => Response)();
	};
	await followEvents(open, (event) => seen.push(event), signal, 1);
	return { asked, seen: seen.map(({ id }) => id) };
}
const stream = (body: string) => () => new Response(body);

it("goes on after the last event when a connection breaks in the midst of one", async () => {
	const broken = () => {
		throw new TypeError("network error");
	};
	const answers = [stream(STARTED + LOGGED.slice(0, 20)), broken, stream(LOGGED), stream(ENDED)];
	expect(await follow(answers)).toEqual({ asked: [0, 1, 1, 2], seen: [1, 2, 3] });
});

it("asks again when the service is away or full, and not when it refuses", async () => {
	const status = (code: number) => () => new Response("", { status: code });
	expect(await follow([status(503), status(429), stream(STARTED + ENDED)])).toEqual({ asked: [0, 0, 0], seen: [1, 3] });
	expect(await follow([status(404)])).toEqual({ asked: [0], seen: [] });
});

it("ends with the final state, though the connection stays open", async () => {
	const open = () =>
		new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(ENDED)) }));
	expect(await follow([open])).toEqual({ asked: [0], seen: [3] });
});

it("ends when nobody looks any more", async () => {
	const stop = new AbortController();
	const open = async (): Promise<Response> => {
		stop.abort();
		throw new DOMException("aborted", "AbortError");
	};
	await followEvents(open, () => undefined, stop.signal, 1);
	expect(stop.signal.aborted).toBe(true);
});
