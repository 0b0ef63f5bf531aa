// What is asked about recommendations, of which checkpoint, and what is answered.
import type { Source } from "../feeds/erasures.js";
import type { Fallback } from "../http/schemas.js";
import type { Deployed } from "../plugins/deployments.js";
import type { Answered, Filter, Weights } from "../views/recommendation.js";
import type { Tier } from "./traffic.js";

/** The checkpoint asked; `deployed` when it is asked as what a name serves. */
export interface Place {
	ref: Deployed["ref"];
	answered: Answered;
	datasetId: string;
	catalogue: string;
	/** Feeds whose erased people the dataset may hold still. */
	sources: readonly Source[];
	deployed: Deployed | null;
}

export interface Question {
	/** A user of the dataset, or somebody of whom only items are known. */
	who: { user: string } | { items: string[] };
	n: number;
	excludeSeen?: boolean;
	exclude?: string[];
	filter?: Filter;
	fallback?: Fallback;
	steer?: Weights;
	only?: number;
	without?: string[];
	with?: string[];
	candidates?: string[];
	calibrate?: number;
	shelves?: boolean;
	preview?: boolean;
	/** Most items that no model knows, mixed in. */
	fresh?: number;
}

/** Parts of the body as JSON text. */
export interface Answer {
	tier: Tier;
	items: string;
	/** Members that only some answers have, each with a comma before it. */
	members: string;
	interests: number;
	/** Prints of its items in their order, for who records it. */
	shown: () => number[];
	/** The model's own part, for what was computed. */
	computeSeconds?: number;
}
