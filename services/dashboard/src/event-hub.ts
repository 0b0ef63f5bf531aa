// One stream of events for all tabs of a browser: over HTTP/1.1 it has six connections a host, and each stream takes one.
import type { RunsEvent } from "@valence/client";
import { followEvents, isLast, placeOf } from "./event-stream";

/** A tab that shows runs. */
export interface Watcher {
	onEvent: (event: RunsEvent) => void;
}

interface Followed {
	/** Those after `from`, for who comes later. */
	events: RunsEvent[];
	from: number;
	watchers: Set<Watcher>;
}

/** Runs whose events are asked for, each with the last event that is here. */
export type Positions = [run: string, after: number][];
type Open = (positions: Positions, signal: AbortSignal) => Promise<Response>;

/** The service takes no more in one request; further ones are followed as others end or are left. */
export const MOST_RUNS = 100;
/** Tabs that are opened or restored together make one request, not one each. */
const GATHER_MS = 30;

export class EventHub {
	private readonly runs = new Map<string, Followed>();
	private stream = new AbortController();
	private gathering: ReturnType<typeof setTimeout> | undefined;

	constructor(
		private readonly open: Open,
		private readonly gatherMs = GATHER_MS,
		private readonly firstRetryMs?: number,
	) {}

	/** Hands the watcher the events of a run after the given one, those that are here at once. */
	follow(watcher: Watcher, run: string, after: number): void {
		const known = this.runs.get(run);
		// What came before the first that is here is asked for again: whoever had it already passes it over.
		const followed =
			known && known.from <= after ? known : { events: [], from: after, watchers: known?.watchers ?? new Set() };
		followed.watchers.add(watcher);
		this.runs.set(run, followed);
		for (const event of followed.events) if (placeOf(event) > after) watcher.onEvent(event);
		if (followed !== known || this.stream.signal.aborted) this.reopen();
	}

	leave(watcher: Watcher, run: string): void {
		const followed = this.runs.get(run);
		if (!followed?.watchers.delete(watcher) || followed.watchers.size > 0) return;
		this.runs.delete(run);
		if (!isOver(followed)) this.reopen();
	}

	/** A tab that is gone or hidden. */
	leaveAll(watcher: Watcher): void {
		for (const run of [...this.runs.keys()]) this.leave(watcher, run);
	}

	private unfinished() {
		return [...this.runs].filter(([, followed]) => !isOver(followed));
	}

	private positions(): Positions {
		return this.unfinished()
			.slice(0, MOST_RUNS)
			.map(([run, followed]) => [run, positionOf(followed)]);
	}

	/** Soon, with the runs that are followed by then; with none of them there is no stream. */
	private reopen(): void {
		clearTimeout(this.gathering);
		this.gathering = setTimeout(() => {
			this.stream.abort();
			this.stream = new AbortController();
			void this.read(this.stream);
		}, this.gatherMs);
	}

	private async read(stream: AbortController): Promise<void> {
		const { signal } = stream;
		await followEvents({
			open: () => this.open(this.positions(), signal),
			onEvent: (event) => !signal.aborted && this.take(event),
			isOver: () => this.positions().length === 0,
			signal,
			...(this.firstRetryMs !== undefined && { firstRetryMs: this.firstRetryMs }),
		});
		// Over or refused: who follows next opens another.
		stream.abort();
	}

	private take(event: RunsEvent): void {
		const followed = this.runs.get(event.data.run);
		if (!followed || placeOf(event) <= positionOf(followed)) return;
		const isFull = isLast(event) && this.unfinished().length > MOST_RUNS;
		followed.events.push(event);
		for (const watcher of followed.watchers) watcher.onEvent(event);
		// Its place goes to one that waits for it.
		if (isFull) this.reopen();
	}
}

const isOver = ({ events }: Followed) => {
	const last = events.at(-1);
	return last !== undefined && isLast(last);
};

const positionOf = ({ events, from }: Followed) => {
	const last = events.at(-1);
	return last === undefined ? from : placeOf(last);
};
