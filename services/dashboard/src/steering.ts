// How a person bends their list: as the address holds it, and as the service is asked for it.
import type { Changes } from "./address";

export interface Steering {
	/** One an interest; null: those that are kept, or else 1 each. */
	weights: number[] | null;
	/** Items of the history that do not count. */
	without: string[];
	/** Items that count besides; of a guest, all there are. */
	with: string[];
	anyTag: string[];
	allTags: string[];
	noTag: string[];
	/** Also one list an interest. */
	shelves: boolean;
	/** Most new items of the feed, which no model knows, mixed in. */
	fresh: number;
}

export const MOST_WEIGHT = 4;
/** More ids than this do not fit an address. */
export const MOST_IDS = 100;
export const SHOWN = 20;
export const MOST_FRESH = 20;

/** The weights that have a name. */
export const LEVELS = [
	{ weight: 0, label: "Mute", said: "muted" },
	{ weight: 0.5, label: "Less", said: "less" },
	{ weight: 1, label: "Normal", said: "normal" },
	{ weight: 2, label: "More", said: "more" },
];

export const saidOf = (weight: number) =>
	LEVELS.find((level) => level.weight === weight)?.said ?? `${weight} times as much`;

function weightsFrom(text: string | null): number[] | null {
	const parts = (text ?? "").split("-");
	return parts.every((part) => /^\d+(\.\d+)?$/.test(part) && Number(part) <= MOST_WEIGHT) ? parts.map(Number) : null;
}

const freshFrom = (text: string) => (/^\d{1,2}$/.test(text) ? Math.min(MOST_FRESH, Number(text)) : 0);

export function steeringFrom(search: URLSearchParams): Steering {
	const ids = (name: string) => [...new Set(search.getAll(name))].filter(Boolean).slice(0, MOST_IDS);
	return {
		weights: weightsFrom(search.get("weights")),
		without: ids("without"),
		with: ids("with"),
		anyTag: ids("anyTag"),
		allTags: ids("allTags"),
		noTag: ids("noTag"),
		shelves: search.get("shelves") === "true",
		fresh: freshFrom(search.get("fresh") ?? ""),
	};
}

/** Some of it, as parameters of the address. */
export function changesOf({ weights, shelves, fresh, ...ids }: Partial<Steering>): Changes {
	return {
		...ids,
		...(weights !== undefined && { weights: weights?.join("-") ?? null }),
		...(shelves !== undefined && { shelves: shelves ? "true" : null }),
		...(fresh !== undefined && { fresh: fresh > 0 ? String(fresh) : null }),
	};
}

/** One weight an interest: those given, and 1 for the others. */
export const filled = (interests: number, weights: number[]) =>
	Array.from({ length: interests }, (_, index) => weights[index] ?? 1);

/** One weight set; null when nothing then differs from what applies unasked. */
export function weighed(weights: number[], interest: number, weight: number, unasked: number[]): number[] | null {
	const next = weights.map((one, index) => (index === interest ? weight : one));
	return next.every((one, index) => one === unasked[index]) ? null : next;
}

/** Nothing of the person is left to rank by: the service would refuse. */
export const isSilent = ({ weights }: Steering) => weights?.every((weight) => weight === 0) ?? false;

/** Whether the model itself is asked for another order, so that something enters and leaves. */
export const isBent = ({ weights, without, with: added }: Steering) =>
	weights !== null || without.length > 0 || added.length > 0;

/** The body of the request; null when it would ask for nothing but what everybody gets. */
export function bodyOf(steering: Steering) {
	const { weights, without, with: added, anyTag, allTags, noTag, shelves, fresh } = steering;
	const filter = { ...(anyTag[0] && { anyTag }), ...(allTags[0] && { allTags }), ...(noTag[0] && { noTag }) };
	const body = {
		...(weights && { steer: weights.map((weight, interest) => ({ interest, weight })) }),
		...(without[0] && { without }),
		...(added[0] && { with: added }),
		...(Object.keys(filter).length > 0 && { filter }),
		...(shelves && { shelves }),
		...(fresh > 0 && { fresh }),
		...(isBent(steering) && { preview: true }),
	};
	return Object.keys(body).length > 0 ? { n: SHOWN, ...body } : null;
}
