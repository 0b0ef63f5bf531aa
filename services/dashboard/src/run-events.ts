import type { RunsEvent } from "@valence/client";
import { useEffect, useEffectEvent } from "react";
import { followRun } from "./event-tab";

/** Calls `onEvent` for every event of a run from its first one, until the run is final. */
export function useRunEvents(id: string, onEvent: (event: RunsEvent) => void): void {
	const handle = useEffectEvent(onEvent);
	useEffect(() => followRun(id, (event) => handle(event)), [id]);
}
