// The log of a run as text: what it logged, its states and its epochs, in the order they came.
import type { RunEvent } from "./event-stream";
import { byReading, metric } from "./format";

interface EpochMetric {
	split: string;
	name: string;
	value: number | null;
}

function said({ type, data }: RunEvent): string | null {
	if (type === "log") return `${String(data.level).padEnd(8)}${data.message}`;
	if (type === "state") return `— ${String(data.state).toLowerCase()}`;
	if (type === "started") return `on ${data.device}, at most ${data.maxEpochs} epochs, after ${data.resumedEpoch}`;
	if (type !== "epoch") return null;
	const metrics = (data.metrics as EpochMetric[])
		.map(({ split, name, value }) => ({ key: `${split}.${name}`, value }))
		.sort((a, b) => byReading(a.key, b.key))
		.map(({ key, value }) => `${key} ${metric(value)}`);
	return [`epoch ${String(data.epoch).padEnd(4)}`, ...metrics, `${Number(data.seconds).toFixed(1)} s`].join("  ");
}

/** One line for an event with its time of day, or null for what has nothing to say. */
export function logLine(event: RunEvent): string | null {
	const line = said(event);
	return line === null ? null : `${new Date(String(event.data.at)).toLocaleTimeString("en-GB")}  ${line}`;
}
