import type { EstimatedSeconds } from "./generated/openapi.js";

/** What an estimate of time is made of, to follow "as" or "like". */
export const LIKENESS: Record<EstimatedSeconds["like"], string> = {
	configuration: "the last runs of this configuration on this dataset",
	dataset: "the last runs of other configurations on this dataset",
	model: "the last runs on other datasets, by their interactions",
};
