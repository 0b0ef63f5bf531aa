// Runs side by side, each under a name that tells it from the others.
import type { RunDetail } from "@valence/client";
import { labelOf, tellingFields } from "./config-fields";

export interface Compared {
	run: RunDetail;
	label: string;
}

export function comparedOf(runs: RunDetail[]): Compared[] {
	const telling = tellingFields(runs);
	const datasets = new Set(runs.map((run) => run.dataset.name));
	return runs.map((run) => ({
		run,
		label: labelOf(run, telling) + (datasets.size > 1 ? ` on ${run.dataset.name}` : ""),
	}));
}
