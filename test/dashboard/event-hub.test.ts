import type { RunsEvent } from "@valence/client";
import { EventHub, MOST_RUNS, type Positions } from "../../services/dashboard/src/event-hub";
import { placeOf } from "../../services/dashboard/src/event-stream";

const GATHER_MS = 5;
const settled = () => new Promise((resolve) => setTimeout(resolve, 4 * GATHER_MS));

/** A service that holds every stream open, and says what to the latest of them. */
function service() {
	const asked: Positions[] = [];
	const signals: AbortSignal[] = [];
	let latest: ReadableStreamDefaultController<Uint8Array>;
	const hub = new EventHub(
		async (positions, signal) => {
			asked.push(positions);
			signals.push(signal);
			const body = new ReadableStream<Uint8Array>({
				start(controller) {
					latest = controller;
					signal.addEventListener("abort", () => controller.error(new DOMException("aborted", "AbortError")));
				},
			});
			return new Response(body);
		},
		GATHER_MS,
		1,
	);
	return {
		hub,
		asked,
		open: () => signals.filter(({ aborted }) => !aborted).length,
		async say(run: string, seq: number, type = "log", data: object = {}) {
			const text = `event: ${type}\ndata: ${JSON.stringify({ ...data, run, seq })}\n\n`;
			latest.enqueue(new TextEncoder().encode(text));
			await settled();
		},
	};
}
function tab() {
	const seen: [string, number][] = [];
	return { seen, onEvent: (event: RunsEvent) => void seen.push([event.data.run, placeOf(event)]) };
}

it("makes one stream for tabs that open together, and hands each what it follows", async () => {
	const { hub, asked, open, say } = service();
	const tabs = Array.from({ length: 20 }, tab);
	for (const [index, one] of tabs.entries()) hub.follow(one, `run-${index}`, 0);
	await settled();
	expect(asked).toHaveLength(1);
	expect(asked[0]).toHaveLength(20);
	await say("run-7", 1);
	expect(tabs.map(({ seen }) => seen.length)).toEqual(tabs.map((_, index) => (index === 7 ? 1 : 0)));
	expect(open()).toBe(1);
});

it("hands who comes later what is here, and asks the service for what is not", async () => {
	const { hub, asked, say } = service();
	const [early, late, earliest] = [tab(), tab(), tab()];
	hub.follow(early, "a", 3);
	await settled();
	await say("a", 4);
	hub.follow(late, "a", 3);
	await settled();
	expect([late.seen, asked.length]).toEqual([[["a", 4]], 1]);
	hub.follow(earliest, "a", 0);
	await settled();
	expect(asked).toEqual([[["a", 3]], [["a", 0]]]);
	await say("a", 1);
	expect(earliest.seen).toEqual([["a", 1]]);
});

it("goes on after the last event of each run when others are followed too", async () => {
	const { hub, asked, open, say } = service();
	const one = tab();
	hub.follow(one, "a", 0);
	await settled();
	await say("a", 1);
	await say("a", 2);
	hub.follow(tab(), "b", 0);
	await settled();
	expect(asked.at(-1)).toEqual([
		["a", 2],
		["b", 0],
	]);
	await say("a", 2);
	await say("a", 3);
	expect(one.seen.map(([, id]) => id)).toEqual([1, 2, 3]);
	expect(open()).toBe(1);
});

it("has no stream once every tab is hidden, and one again when one is seen", async () => {
	const { hub, asked, open } = service();
	const [one, other] = [tab(), tab()];
	hub.follow(one, "a", 0);
	hub.follow(other, "a", 0);
	hub.follow(other, "b", 0);
	await settled();
	hub.leaveAll(other);
	await settled();
	expect([asked.at(-1), open()]).toEqual([[["a", 0]], 1]);
	hub.leaveAll(one);
	await settled();
	expect([asked.length, open()]).toEqual([2, 0]);
	hub.follow(one, "a", 0);
	await settled();
	expect([asked.length, open()]).toEqual([3, 1]);
});

it("asks no more for a run that is final, and still tells who comes later", async () => {
	const { hub, asked, open, say } = service();
	hub.follow(tab(), "a", 0);
	await settled();
	await say("a", 1, "state", { state: "SUCCEEDED" });
	expect(open()).toBe(0);
	const late = tab();
	hub.follow(late, "a", 0);
	await settled();
	expect([late.seen, asked.length]).toEqual([[["a", 1]], 1]);
});

it("asks again after a refusal once a tab follows with another key", async () => {
	let asked = 0;
	const hub = new EventHub(async () => new Response("", { status: asked++ === 0 ? 401 : 503 }), GATHER_MS, 10_000);
	const one = tab();
	hub.follow(one, "a", 0);
	await settled();
	await settled();
	expect(asked).toBe(1);
	hub.follow(one, "a", 0);
	await settled();
	expect(asked).toBe(2);
	hub.leaveAll(one);
});

it("asks for no more runs than the service takes", async () => {
	const { hub, asked } = service();
	for (let run = 0; run <= MOST_RUNS; run++) hub.follow(tab(), `run-${run}`, 0);
	await settled();
	expect(asked.at(-1)).toHaveLength(MOST_RUNS);
});

it("gives the place of a run that has ended to one that waits for it", async () => {
	const { hub, asked, open, say } = service();
	for (let run = 0; run <= MOST_RUNS; run++) hub.follow(tab(), `run-${run}`, 0);
	await settled();
	await say("run-3", 1);
	expect(asked).toHaveLength(1);
	await say("run-3", 2, "state", { state: "FAILED" });
	expect(asked).toHaveLength(2);
	expect(asked[1]?.at(-1)).toEqual([`run-${MOST_RUNS}`, 0]);
	expect(asked[1]?.map(([run]) => run)).not.toContain("run-3");
	expect(open()).toBe(1);
	// Now all have one.
	await say("run-4", 1, "state", { state: "SUCCEEDED" });
	expect(asked).toHaveLength(2);
});
