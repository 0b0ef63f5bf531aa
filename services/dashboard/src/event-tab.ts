// A tab's side of the shared stream: while it is seen it follows runs, and it makes do with asking now and then where the
// browser has no shared workers.

import type { RunsEvent } from "@valence/client";
import { authorization } from "./api";
import { type FromWorker, HERE_MS, openEvents, type ToWorker } from "./event-messages";
import { followEvents, isLast, placeOf } from "./event-stream";

const POLL_MS = 2_000;

interface Following {
	run: string;
	/** The last event that was handed on. */
	last: number;
	isOver: boolean;
	onEvent: (event: RunsEvent) => void;
	/** Of its own asking. */
	asking?: AbortController;
}

const followings = new Set<Following>();
let port: MessagePort | null = null;
/** Once it turned out that there is none to be had. */
let withoutWorker = !("SharedWorker" in globalThis);
let saysHere: ReturnType<typeof setInterval> | undefined;

const say = (message: ToWorker) => port?.postMessage(message);
const isSeen = () => document.visibilityState === "visible";

function take(following: Following, event: RunsEvent): void {
	if (event.data.run !== following.run || placeOf(event) <= following.last || following.isOver) return;
	following.last = placeOf(event);
	following.isOver = isLast(event);
	following.onEvent(event);
}

function worker(): MessagePort | null {
	if (port || withoutWorker) return port;
	try {
		const shared = new SharedWorker(new URL("./event-worker.ts", import.meta.url), { type: "module", name: "events" });
		shared.onerror = () => {
			withoutWorker = true;
			port = null;
			for (const following of followings) start(following);
		};
		port = shared.port;
		port.onmessage = ({ data }: MessageEvent<FromWorker>) => {
			if ("type" in data) resume();
			else for (const following of followings) take(following, data);
		};
	} catch {
		withoutWorker = true;
	}
	return port;
}

function start(following: Following): void {
	if (following.isOver || !isSeen()) return;
	const { run, last } = following;
	if (worker()) {
		say({ type: "follow", run, after: last, headers: authorization() });
		saysHere ??= setInterval(() => say({ type: "here" }), HERE_MS);
		return;
	}
	const asking = new AbortController();
	following.asking?.abort();
	following.asking = asking;
	void followEvents({
		open: () => openEvents([[run, following.last]], authorization(), asking.signal, false),
		onEvent: (event) => asking.signal.aborted || take(following, event),
		isOver: () => following.isOver,
		signal: asking.signal,
		pollMs: POLL_MS,
	});
}

function pause(): void {
	for (const { asking } of followings) asking?.abort();
	say({ type: "hide" });
	clearInterval(saysHere);
	saysHere = undefined;
}

function resume(): void {
	for (const following of followings) start(following);
}

/** Listens to whether the tab is seen; once a page. */
export function followWhileSeen(): void {
	document.addEventListener("visibilitychange", () => (isSeen() ? resume() : pause()));
	// Left for another page, or kept to come back to.
	window.addEventListener("pagehide", pause);
	window.addEventListener("pageshow", ({ persisted }) => persisted && resume());
}

/** Hands every event of a run on once and in order, from its first one, while the tab is seen. Returns what ends that. */
export function followRun(run: string, onEvent: (event: RunsEvent) => void): () => void {
	const following: Following = { run, last: 0, isOver: false, onEvent };
	followings.add(following);
	start(following);
	return () => {
		followings.delete(following);
		following.asking?.abort();
		if (![...followings].some((one) => one.run === run)) say({ type: "leave", run });
	};
}
