import type { RunsEvent } from "@valence/client";
import { followEvents, isLast, placeOf } from "../../services/dashboard/src/event-stream";

const text = (seq: number, type: string, data: object) =>
	`id: ${seq}\nevent: ${type}\ndata: ${JSON.stringify({ ...data, run: "a", seq })}\n\n`;
const STARTED = text(1, "state", { state: "RUNNING" });
const LOGGED = text(2, "log", { message: "a: b" });
const ENDED = text(3, "state", { state: "SUCCEEDED" });

/** Answers one after another; a function among them fails the request. */
async function follow(answers: (() => Response)[], signal = new AbortController().signal) {
	const asked: number[] = [];
	const seen: RunsEvent[] = [];
	const open = async () => {
		asked.push(seen.map(placeOf).at(-1) ?? 0);
		return (answers[asked.length - 1] as () => Response)();
	};
	const isOver = () => seen.some(isLast);
	const isTaken = await followEvents({ open, onEvent: (event) => seen.push(event), isOver, signal, firstRetryMs: 1 });
	return { asked, seen: seen.map(placeOf), isTaken };
}
const stream = (body: string) => () => new Response(body);

it("goes on after the last event when a connection breaks in the midst of one", async () => {
	const broken = () => {
		throw new TypeError("network error");
	};
	const answers = [stream(STARTED + LOGGED.slice(0, 20)), broken, stream(LOGGED), stream(ENDED)];
	expect(await follow(answers)).toEqual({ asked: [0, 1, 1, 2], seen: [1, 2, 3], isTaken: true });
});

it("asks again when the service is away or full, and not when it refuses", async () => {
	const status = (code: number) => () => new Response("", { status: code });
	expect(await follow([status(503), status(429), stream(STARTED + ENDED)])).toEqual({
		asked: [0, 0, 0],
		seen: [1, 3],
		isTaken: true,
	});
	expect(await follow([status(404)])).toEqual({ asked: [0], seen: [], isTaken: false });
});

it("ends with the final state, though the connection stays open", async () => {
	const open = () =>
		new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(ENDED)) }));
	expect(await follow([open])).toEqual({ asked: [0], seen: [3], isTaken: true });
});

it("ends when nobody looks any more", async () => {
	const stop = new AbortController();
	let asked = 0;
	const open = async (): Promise<Response> => {
		asked++;
		stop.abort();
		throw new DOMException("aborted", "AbortError");
	};
	await followEvents({ open, onEvent: () => undefined, isOver: () => false, signal: stop.signal, firstRetryMs: 1 });
	expect(asked).toBe(1);
});

it("takes a run that is gone for over", async () => {
	const gone = () => new Response('id: 4,0\nevent: gone\ndata: {"run":"b"}\n\n');
	expect(await follow([stream(STARTED), gone])).toEqual({
		asked: [0, 1],
		seen: [1, Number.POSITIVE_INFINITY],
		isTaken: true,
	});
});

it("passes comments over, and takes an event that comes in pieces", async () => {
	const pieces = ["retry: 2000\n\n: still", ` here\n\n${STARTED.slice(0, 30)}`, STARTED.slice(30) + ENDED];
	const open = () =>
		new Response(
			new ReadableStream({
				async start(controller) {
					for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
					controller.close();
				},
			}),
		);
	expect(await follow([open])).toEqual({ asked: [0], seen: [1, 3], isTaken: true });
});
