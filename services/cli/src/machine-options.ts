// On what a run is trained, as options of the commands that begin runs.
import { countOf, perhaps } from "./arguments.js";

const MOST_PROCESSES = 16;

export const processes = {
	type: "string",
	requiresArg: true,
	coerce: perhaps((text: string) => countOf("--processes", text, MOST_PROCESSES)),
	describe: "How many processes train each run together; only of models with data-parallel [1]",
} as const;

/** null: any. */
export const machineClass = {
	type: "string",
	requiresArg: true,
	coerce: perhaps((text: string) => (text === "any" ? null : text)),
	describe: "Of the machines that may take the runs, as gpu; valence machines lists them [any]",
} as const;
