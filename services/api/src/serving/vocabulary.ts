// What columns and rows of a checkpoint stand for: ids, titles, tags and popularity of its dataset, read once and kept.
import type { ReadCatalogueResponse } from "../generated/proto/recommender/v1/recommender.js";
import { printOf } from "../outcomes/print.js";
import type { Filter } from "../views/recommendation.js";
import { IdTable } from "./id-table.js";

/** Columns that fit beside a count of 32 bits into a number of 53. */
const COLUMNS = 2 ** 20;

export interface Items {
	ids: IdTable;
	/** "" where unknown. */
	titles: string[];
	/** Titles as they are searched. */
	searched: string[];
	/** Training interactions. */
	popularity: Uint32Array;
	/** Tags of item c: tagIndices[tagStarts[c] .. tagStarts[c + 1]]. */
	tagStarts: Uint32Array;
	tagIndices: Uint32Array;
}

/** What a run's columns stand for: that of its dataset, but that a refit counts all interactions. */
export const catalogueOf = (run: { datasetId: string; refitOfId: string | null }) =>
	run.refitOfId === null ? run.datasetId : `${run.datasetId} whole`;

export class Vocabulary {
	/** Item columns, the most popular first. */
	readonly byPopularity: Uint32Array;
	private readonly tagOf: Map<string, number>;
	private readonly tagCounts: Uint32Array;
	/** Of each item, 0 where nobody has asked. */
	private readonly prints: Int32Array;

	private constructor(
		readonly items: Items,
		readonly users: IdTable,
		/** Users of the dataset whom training does not know. */
		readonly late: IdTable,
		/** Training interactions of each user. */
		readonly interactions: Uint32Array,
		readonly tags: string[],
	) {
		this.byPopularity = ordered(items.popularity);
		this.prints = new Int32Array(items.ids.length);
		this.tagOf = new Map(tags.map((tag, index) => [caseless(tag), index]));
		this.tagCounts = new Uint32Array(tags.length);
		for (const tag of items.tagIndices) this.tagCounts[tag] = (this.tagCounts[tag] as number) + 1;
	}

	/** Each message is taken in as it comes, so that a million items never hold up what else is asked. */
	static async read(messages: AsyncIterable<ReadCatalogueResponse>): Promise<Vocabulary> {
		const ids: Record<"items" | "users" | "late", Buffer[][]> = { items: [], users: [], late: [] };
		const titles: string[] = [];
		const searched: string[] = [];
		const numbers = { popularity: [] as number[], interactions: [] as number[], tagStarts: [0], tags: [] as number[] };
		let tags: string[] = [];
		for await (const { size, items, users, lateUsers } of messages) {
			if (size) tags = size.tags;
			ids.items.push(items.map(({ id }) => Buffer.from(id)));
			ids.users.push(users.map(({ id }) => Buffer.from(id)));
			ids.late.push(lateUsers.map((id) => Buffer.from(id)));
			for (const item of items) {
				titles.push(item.title);
				searched.push(wordsOf(item.title));
				numbers.popularity.push(item.popularity);
				numbers.tags.push(...item.tags);
				numbers.tagStarts.push(numbers.tags.length);
			}
			for (const { interactions } of users) numbers.interactions.push(interactions);
		}
		return new Vocabulary(
			{
				ids: IdTable.from(ids.items),
				titles,
				searched,
				popularity: Uint32Array.from(numbers.popularity),
				tagStarts: Uint32Array.from(numbers.tagStarts),
				tagIndices: Uint32Array.from(numbers.tags),
			},
			IdTable.from(ids.users),
			IdTable.from(ids.late),
			Uint32Array.from(numbers.interactions),
			tags,
		);
	}

	titled(column: number): { id: string; title: string | null } {
		return { id: this.items.ids.id(column), title: this.items.titles[column] || null };
	}

	/** The same as members of a JSON object. */
	fragment(column: number): string {
		const { id, title } = this.titled(column);
		return `"id":${JSON.stringify(id)},"title":${JSON.stringify(title)}`;
	}

	/** Of the item, as answers are recorded. */
	print(column: number): number {
		const known = this.prints[column] as number;
		if (known !== 0) return known;
		const print = printOf(this.items.ids.id(column));
		this.prints[column] = print;
		return print;
	}

	tagsOf(column: number): string[] {
		const { tagStarts, tagIndices } = this.items;
		const own = tagIndices.subarray(tagStarts[column], tagStarts[column + 1]);
		return Array.from(own, (tag) => this.tags[tag] as string);
	}

	/** How many items have the tag. */
	itemsWith(tag: string): number {
		return this.tagCounts[this.tagIndex(tag)] ?? 0;
	}

	/** -1 when no item has it. */
	tagIndex(tag: string): number {
		return this.tagOf.get(caseless(tag)) ?? -1;
	}

	/** Columns of the known ids, and the ids that are not known, once each. */
	columnsOf(ids: readonly string[]): { columns: Set<number>; unknown: string[] } {
		const columns = new Set<number>();
		const unknown = new Set<string>();
		for (const id of ids) {
			const column = this.items.ids.indexOf(id);
			if (column < 0) unknown.add(id);
			else columns.add(column);
		}
		return { columns, unknown: [...unknown] };
	}

	/** Whether an item passes the filter, and the tags that no item has. */
	passes({ anyTag = [], allTags = [], noTag = [] }: Filter): { test: (column: number) => boolean; unknown: string[] } {
		const unknown = [...anyTag, ...allTags, ...noTag].filter((tag) => this.tagIndex(tag) < 0);
		const [any, all, none] = [anyTag, allTags, noTag].map((tags) => new Set(tags.map((tag) => this.tagIndex(tag))));
		const { tagStarts, tagIndices } = this.items;
		const test = (column: number) => {
			let hasAny = any?.size === 0;
			let found = 0;
			for (let at = tagStarts[column] as number; at < (tagStarts[column + 1] as number); at++) {
				const tag = tagIndices[at] as number;
				if (none?.has(tag)) return false;
				if (any?.has(tag)) hasAny = true;
				if (all?.has(tag)) found++;
			}
			return hasAny && found === all?.size;
		};
		return { test, unknown: [...new Set(unknown)] };
	}
}

/** Text as it is searched: letters without marks and case, one space between words. */
export const wordsOf = (text: string) =>
	text
		.normalize("NFKD")
		.replace(/\p{M}/gu, "")
		.toLowerCase()
		.replace(/[^\p{L}\p{N}]+/gu, " ")
		.trim();
/** As good as Python's casefold, by which the recommender compares tags. */
export const caseless = (tag: string) => tag.toUpperCase().toLowerCase();

/** Most first, equals by column. Sorting numbers that hold both is many times as fast as sorting columns with a function. */
function ordered(popularity: Uint32Array): Uint32Array {
	if (popularity.length > COLUMNS) {
		const count = (column: number) => popularity[column] as number;
		return Uint32Array.from(popularity.keys()).sort((a, b) => count(b) - count(a) || a - b);
	}
	const keys = Float64Array.from(popularity, (count, column) => (0xffffffff - count) * COLUMNS + column);
	return Uint32Array.from(keys.sort(), (key) => key % COLUMNS);
}
