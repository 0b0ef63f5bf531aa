// The log of a run as text: what it logged, its states and its epochs, in the order they came.
import type { RunsEvent } from "@valence/client";
import { metric } from "./format";
import { readingOrder } from "./measures";

/** No title is shown, so that names are all that has to be known. */
const byReading = readingOrder([]);
/** Of what an epoch has measured, beside its loss; the page shows the others. */
const MOST_METRICS = 4;

function said({ event, data }: RunsEvent): string | null {
	if (event === "log") return `${data.level.padEnd(8)}${data.message}`;
	if (event === "state") return `— ${data.state.toLowerCase()}`;
	if (event === "started") return `on ${data.device}, at most ${data.maxEpochs} epochs, after ${data.resumedEpoch}`;
	if (event !== "epoch") return null;
	const metrics = data.metrics
		.map(({ split, name, value }) => ({ key: `${split}.${name}`, value }))
		.sort((a, b) => byReading(a.key, b.key))
		.filter(({ key }, place) => place < MOST_METRICS || key.startsWith("train."))
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
