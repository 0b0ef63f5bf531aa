// Machines in words: what one does, and where that is shown.
import type { Machine, RunDetail } from "@valence/client";

export const STATE_COLOURS: Record<Machine["state"], string> = { ready: "teal", draining: "yellow", gone: "gray" };

export const runsOf = ({ work, slots }: Pick<Machine, "work" | "slots">) =>
	`${work.filter(({ kind }) => kind === "run").length} of ${slots}`;

type Work = Pick<Machine["work"][number], "id" | "kind" | "about">;
const KINDS: Record<Work["kind"], { label: string; path: ((id: string) => string) | null }> = {
	run: { label: "run", path: (id) => `/runs/${id}` },
	import: { label: "import", path: (id) => `/datasets/${id}` },
	evaluation: { label: "evaluation", path: null },
	export: { label: "export", path: () => "/exports" },
	refresh: { label: "refresh", path: (id) => `/refreshes/${id}` },
	feed_import: { label: "import into a feed", path: null },
	comparison: { label: "comparison", path: (id) => `/comparisons/${id}` },
};
export const workLabel = ({ kind, about }: Work) =>
	about === null ? KINDS[kind].label : `${about}, ${KINDS[kind].label}`;
/** Null where there is no page of its own. */
export const workPath = ({ kind, id }: Work) => KINDS[kind].path?.(id) ?? null;

/** Where a run is worked at, or what it waits for. */
export function machineSentence(run: Pick<RunDetail, "class" | "machine" | "lacksMachine">): string {
	const needed = run.class === null ? "" : ` of class ${run.class}`;
	if (run.lacksMachine) return `waits: no machine${needed} is there that takes work`;
	return `${run.machine ?? "–"}${needed && `, only machines${needed}`}`;
}
