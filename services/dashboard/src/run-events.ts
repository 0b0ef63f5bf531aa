// Follows a run over fetch, because EventSource cannot send an API key.
import { useEffect, useRef } from "react";
import { openEvents } from "./api";
import { followEvents, type RunEvent } from "./event-stream";

/** Calls `onEvent` for every event of a run from its first one, until the run is final. */
export function useRunEvents(id: string, onEvent: (event: RunEvent) => void): void {
	const handler = useRef(onEvent);
	useEffect(() => {
		handler.current = onEvent;
	});
	useEffect(() => {
		const stop = new AbortController();
		void followEvents(
			(after) => openEvents(id, after, stop.signal),
			(event) => stop.signal.aborted || handler.current(event),
			stop.signal,
		);
		return () => stop.abort();
	}, [id]);
}
