// The log of a run as text: what it logged, its states and its epochs, in the order they came.
import type { RunsEvent } from "@valence/client";
import { byReading, metric } from "./format";

function said({ event, data }: RunsEvent): string | null {
	if (event === "log") return `${data.level.padEnd(8)}${data.message}`;
	if (event === "state") return `— ${data.state.toLowerCase()}`;
	if (event === "started") return `on ${data.device}, at most ${data.maxEpochs} epochs, after ${data.resumedEpoch}`;
	if (event !== "epoch") return null;
	const metrics = data.metrics
		.map(({ split, name, value }) => ({ key: `${split}.${name}`, value }))
		.sort((a, b) => byReading(a.key, b.key))
		.map(({ key, value }) => `${key} ${metric(value)}`);
	return [`epoch ${String(data.epoch).padEnd(4)}`, ...metrics, `${data.seconds.toFixed(1)} s`].join("  ");
}

/** One line for an event with its time of day, or null for what has nothing to say. */
export function logLine(event: RunsEvent): string | null {
	const line = said(event);
	return line === null || event.event === "gone"
		? null
		: `${new Date(event.data.at).toLocaleTimeString("en-GB")}  ${line}`;
}
