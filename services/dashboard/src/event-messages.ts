// What tabs and the worker that they share say to each other, and how either asks the service.

import type { RunsEvent } from "@valence/client";
import type { Positions } from "./event-hub";

export type ToWorker =
	| { type: "follow"; run: string; after: number; headers: Record<string, string> }
	| { type: "leave"; run: string }
	| { type: "hide" }
	/** Said again and again: a tab that crashed cannot say that it is gone. */
	| { type: "here" };

export type FromWorker =
	| RunsEvent
	/** Asks the tab to say anew what it follows: it was taken for gone. */
	| { type: "again" };

export const HERE_MS = 10_000;
/** A tab that was not heard of for so long is gone. */
export const SILENT_MS = 3 * HERE_MS;

/** The events of runs, each after a position, as they come; only those that there are when `wait` is false. */
export function openEvents(positions: Positions, headers: Record<string, string>, signal: AbortSignal, wait = true) {
	const runs = positions.map(([run]) => `runs=${run}`).join("&");
	const after = positions.map(([, position]) => position).join(",");
	return fetch(`/events?${runs}${wait ? "" : "&wait=false"}`, {
		headers: { ...headers, "last-event-id": after },
		signal,
	});
}
