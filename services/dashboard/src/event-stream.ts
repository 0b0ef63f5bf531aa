// Server-sent events of runs, read from a fetch and followed across broken connections.
import type { RunsEvent } from "@valence/client";
import { EventSourceParserStream } from "eventsource-parser/stream";

const FINAL = ["SUCCEEDED", "FAILED", "CANCELLED"];
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/** Nothing follows it: its run is final, or is not there any more. */
export const isLast = ({ event, data }: RunsEvent) =>
	event === "gone" || (event === "state" && FINAL.includes(data.state));

/** Its place among the events of its run; that a run is gone comes after whatever was known of it. */
export const placeOf = (message: RunsEvent) => (message.event === "gone" ? Number.POSITIVE_INFINITY : message.data.seq);

interface Following {
	/** Asks for the events after those that `onEvent` had. */
	open: () => Promise<Response>;
	onEvent: (event: RunsEvent) => void;
	/** Nothing is left to wait for. */
	isOver: () => boolean;
	signal: AbortSignal;
	firstRetryMs?: number;
	/** How long after an answer that ended as it should; as after a broken one unless given. */
	pollMs?: number;
}

/**
 * Hands every event to `onEvent` in order, until nothing is left to wait for or the signal. A connection that breaks, and
 * one that a stopping service ends, are opened again. False when the service refuses for good.
 */
export async function followEvents({
	open,
	onEvent,
	isOver,
	signal,
	firstRetryMs = FIRST_RETRY_MS,
	pollMs,
}: Following): Promise<boolean> {
	let pause = firstRetryMs;
	async function readOnce(): Promise<"refused" | "ended" | "broken"> {
		const response = await open();
		// A missing key, which the dialog asks for.
		if (response.status >= 400 && response.status < 500 && response.status !== 429) return "refused";
		if (!response.ok || !response.body) return "broken";
		const text = response.body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>);
		const reader = text.pipeThrough(new EventSourceParserStream()).getReader();
		for (let next = await reader.read(); !next.done; next = await reader.read()) {
			const { id, event, data } = next.value;
			pause = firstRetryMs;
			onEvent({ id, event, data: JSON.parse(data) } as RunsEvent);
			if (isOver()) {
				void reader.cancel().catch(() => undefined);
				return "ended";
			}
		}
		return "ended";
	}
	while (!signal.aborted && !isOver()) {
		const outcome = await readOnce().catch(() => "broken" as const);
		if (outcome === "refused") return false;
		if (isOver()) break;
		const waited = outcome === "ended" && pollMs !== undefined ? pollMs : pause;
		pause = Math.min(pause * 2, LONGEST_RETRY_MS);
		await new Promise((resolve) => setTimeout(resolve, waited));
	}
	return true;
}
