// A tab and the worker that it shares with others, joined as a browser joins them; the service behind is scripted.
import type { RunsEvent } from "@valence/client";
import { HERE_MS, SILENT_MS } from "../../services/dashboard/src/event-messages";
import { placeOf } from "../../services/dashboard/src/event-stream";

interface Port {
	onmessage: ((event: { data: unknown }) => void) | null;
	postMessage: (data: unknown) => void;
}

/** Two ends of one line, on which a frozen tab neither speaks nor hears. */
function joined(isFrozen: () => boolean): [Port, Port] {
	const end = (other: () => Port): Port => ({
		onmessage: null,
		postMessage: (data) => isFrozen() || queueMicrotask(() => other().onmessage?.({ data })),
	});
	const ends: [Port, Port] = [end(() => ends[1]), end(() => ends[0])];
	return ends;
}

const asked: string[] = [];
let latest: ReadableStreamDefaultController<Uint8Array>;
async function answer(path: string, { signal }: { signal: AbortSignal }): Promise<Response> {
	asked.push(path);
	return new Response(
		new ReadableStream<Uint8Array>({
			start(controller) {
				latest = controller;
				signal.addEventListener("abort", () => controller.error(new DOMException("aborted", "AbortError")));
			},
		}),
	);
}
async function say(run: string, seq: number): Promise<void> {
	latest.enqueue(new TextEncoder().encode(`event: log\ndata: ${JSON.stringify({ run, seq })}\n\n`));
	await jest.advanceTimersByTimeAsync(100);
}

let isFrozen = false;
/** What Node has under the names of a browser. */
const before = new Map<string, PropertyDescriptor | undefined>();
let followRun: typeof import("../../services/dashboard/src/event-tab").followRun;
beforeAll(async () => {
	jest.useFakeTimers();
	const worker = {} as { onconnect: (event: { ports: Port[] }) => void };
	const [tabsEnd, workersEnd] = joined(() => isFrozen);
	const browser = {
		self: worker,
		window: { location: { origin: "http://127.0.0.1" } },
		document: { visibilityState: "visible" },
		sessionStorage: { getItem: () => null },
		fetch: answer,
		SharedWorker: class {
			port = tabsEnd;
			constructor() {
				worker.onconnect({ ports: [workersEnd] });
			}
		},
	};
	for (const name of Object.keys(browser)) before.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
	Object.assign(globalThis, browser);
	await import("../../services/dashboard/src/event-worker");
	({ followRun } = await import("../../services/dashboard/src/event-tab"));
});
afterAll(() => {
	jest.useRealTimers();
	for (const [name, had] of before)
		if (had) Object.defineProperty(globalThis, name, had);
		else Reflect.deleteProperty(globalThis, name);
});

it("goes on with every run after a sleep in which the worker took the tab for gone", async () => {
	const seen: [string, number][] = [];
	const see = (event: RunsEvent) => void seen.push([event.data.run, placeOf(event)]);
	const leave = ["a", "b"].map((run) => followRun(run, see));
	await jest.advanceTimersByTimeAsync(100);
	await say("a", 1);
	expect([asked.length, seen]).toEqual([1, [["a", 1]]]);

	await jest.advanceTimersByTimeAsync(2 * SILENT_MS);
	await say("a", 2);
	expect([asked.length, seen.length]).toEqual([1, 2]);

	isFrozen = true;
	await jest.advanceTimersByTimeAsync(3 * SILENT_MS);
	// Nobody is left who would look.
	expect(() => latest.enqueue(new Uint8Array())).toThrow();
	isFrozen = false;
	await jest.advanceTimersByTimeAsync(HERE_MS + 100);
	expect(asked).toHaveLength(2);
	await say("a", 3);
	await say("b", 1);
	expect(seen.slice(2)).toEqual([
		["a", 3],
		["b", 1],
	]);

	// The first word after it may be about another run: those before go on all the same.
	isFrozen = true;
	await jest.advanceTimersByTimeAsync(3 * SILENT_MS);
	isFrozen = false;
	leave.push(followRun("c", see));
	await jest.advanceTimersByTimeAsync(100);
	expect(["a", "b", "c"].filter((run) => asked.at(-1)?.includes(`runs=${run}`))).toEqual(["a", "b", "c"]);
	for (const one of leave) one();
});
