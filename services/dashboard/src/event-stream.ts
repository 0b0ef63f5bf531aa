// Server-sent events of a run, read from a fetch: parsed, and followed across broken connections.
export interface RunEvent {
	id: number;
	type: string;
	data: Record<string, unknown>;
}

const FINAL = ["SUCCEEDED", "FAILED", "CANCELLED"];
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/** Whole events of a buffer, and the rest that is still to come. */
export function parseEvents(buffer: string): { events: RunEvent[]; rest: string } {
	const blocks = buffer.split("\n\n");
	const rest = blocks.pop() ?? "";
	const events = blocks.flatMap((block) => {
		const fields = new Map(
			block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
		);
		const data = fields.get("data");
		return data === undefined
			? []
			: [{ id: Number(fields.get("id")), type: fields.get("event") ?? "", data: JSON.parse(data) }];
	});
	return { events, rest };
}

/**
 * Hands every event to `onEvent` once and in order until a final state or the signal. `open` asks for the events after
 * the given one; a connection that breaks, and one that a stopping service ends, are opened again.
 */
export async function followEvents(
	open: (after: number) => Promise<Response>,
	onEvent: (event: RunEvent) => void,
	signal: AbortSignal,
	firstRetryMs = FIRST_RETRY_MS,
): Promise<void> {
	let last = 0;
	let pause = firstRetryMs;
	async function readOnce(): Promise<boolean> {
		const response = await open(last);
		// Refused for good: an unknown run, or a missing key, which the dialog asks for.
		if (response.status >= 400 && response.status < 500 && response.status !== 429) return true;
		if (!response.ok || !response.body) return false;
		const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
		let buffer = "";
		for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
			const { events, rest } = parseEvents(buffer + chunk.value);
			buffer = rest;
			for (const event of events) {
				last = event.id;
				pause = firstRetryMs;
				onEvent(event);
				if (event.type === "state" && FINAL.includes(String(event.data.state))) return true;
			}
		}
		return false;
	}
	while (!signal.aborted) {
		if (await readOnce().catch(() => false)) return;
		const waited = pause;
		pause = Math.min(pause * 2, LONGEST_RETRY_MS);
		await new Promise((resolve) => setTimeout(resolve, waited));
	}
}
