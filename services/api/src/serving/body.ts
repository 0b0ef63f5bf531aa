// The text of an answer, straight from the arrays: an object for each recommendation would be made only to be written out.
import { type List, NOTHING, REASONS } from "./packed-list.js";
import type { Vocabulary } from "./vocabulary.js";

const SHARE_DIGITS = 1e6;

/** The items at these places of the list as a JSON array; all of them without `places`. */
export function itemsText(vocabulary: Vocabulary, list: List, places?: readonly number[]): string {
	const count = places?.length ?? list.items.length;
	const interests = list.items.length > 0 ? list.shares.length / list.items.length : 0;
	const hasLinear = list.linear.length > 0;
	let text = "[";
	for (let at = 0; at < count; at++) {
		const place = places ? (places[at] as number) : at;
		if (at > 0) text += ",";
		text += `{${vocabulary.fragment(list.items[place] as number)},"score":${list.scores[place]},"interestShares":[`;
		for (let k = 0; k < interests; k++) {
			text += (k > 0 ? "," : "") + rounded(list.shares[place * interests + k] as number);
		}
		text += hasLinear ? `],"linearShare":${rounded(list.linear[place] as number)},"because":[` : '],"because":[';
		for (let reason = 0; reason < REASONS; reason++) {
			const column = list.because[place * REASONS + reason];
			if (column === undefined || column === NOTHING) break;
			text += `${reason > 0 ? "," : ""}{${vocabulary.fragment(column)}}`;
		}
		text += "]}";
	}
	return `${text}]`;
}

const rounded = (share: number) => Math.round(share * SHARE_DIGITS) / SHARE_DIGITS;

/** Further members of an object, each with a comma before it; what is undefined is left out. */
export function membersText(members: Record<string, unknown>): string {
	let text = "";
	for (const [name, value] of Object.entries(members))
		if (value !== undefined) text += `,${JSON.stringify(name)}:${JSON.stringify(value)}`;
	return text;
}
