// How many configurations of a model are trained, and what is sent for it.
import type { ConfigField } from "@valence/client";
import { parseFields } from "./config-fields";
import { type ParsedSearch, parseSearch, type SearchTexts } from "./search-space";

/** One configuration, all combinations of some values, or trials of a search. */
export type Way = "setting" | "grid" | "search";

interface Choice {
	way: Way;
	texts: Record<string, string>;
	search: SearchTexts;
}

export interface ParsedChoice extends ReturnType<typeof parseFields> {
	/** Null: nothing is searched. */
	searched: ParsedSearch | null;
}

export function parseChoice(properties: Record<string, ConfigField>, { way, texts, search }: Choice): ParsedChoice {
	if (way === "grid") return { ...parseFields(properties, texts), searched: null };
	const fixed = Object.entries(texts).filter(([name]) => way === "setting" || !(name in search.space));
	const { params, grid, problems } = parseFields(properties, Object.fromEntries(fixed));
	const several = way === "setting" ? "must be one value; Grid takes several" : "must be one value, or be searched";
	for (const name of Object.keys(grid)) problems[name] = several;
	if (way === "setting") return { params, grid: {}, problems, searched: null };
	const searched = parseSearch(properties, search);
	return { params, grid: {}, problems: { ...problems, ...searched.problems }, searched };
}

/** As a model of a request. */
export const sentOf = ({ params, grid, searched }: ParsedChoice) =>
	searched ? { params, search: searched.search } : { params, grid };
