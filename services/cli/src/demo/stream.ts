// The sample as a shop would send it: who took what, each with its time, oldest first; and what the items are.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { NewFeedItem, NewInteraction } from "@valence/client";

const DAYS = 30;
const DAY_MS = 86_400_000;
/** Of those days: nobody comes for the first time after the first, and nobody takes anything for longer than the second. */
const LAST_COMERS = 0.95;
const LONGEST_STAY = 0.5;

export type Row = NewInteraction & { at: string };

/** The files that `writeSample` leaves in the folder; it has no times, so they get some of the 30 days before `end`. */
export async function readStream(folder: string, end: number): Promise<{ rows: Row[]; items: NewFeedItem[] }> {
	const begin = end - DAYS * DAY_MS;
	const rows = (await linesOf(folder, "sample.inter")).map(([user = "", item = ""]) => {
		const came = LAST_COMERS * chance(user);
		const stay = Math.min(LONGEST_STAY, 1 - came);
		const at = begin + (came + stay * chance(`${user} ${item}`)) * (end - begin);
		return { user, item, at: new Date(at).toISOString() };
	});
	const items = (await linesOf(folder, "sample.item")).map(([item = "", title = "", tag = ""]) => ({
		item,
		title,
		tags: [tag],
	}));
	return { rows: rows.sort((a, b) => (a.at < b.at ? -1 : 1)), items };
}

async function linesOf(folder: string, file: string): Promise<string[][]> {
	const [, ...lines] = (await readFile(join(folder, file), "utf8")).trimEnd().split("\n");
	return lines.map((line) => line.split("\t"));
}

/** From 0 to 1, the same for the same text each time. */
const chance = (text: string) => createHash("sha1").update(text).digest().readUInt32BE() / 2 ** 32;

/** What people took, and what it is about: enough to choose whom to look at. */
export class Shop {
	private readonly items: Map<string, NewFeedItem>;
	private readonly taken = new Map<string, Set<string>>();
	private readonly takers = new Map<string, number>();

	constructor(items: NewFeedItem[], rows: Row[]) {
		this.items = new Map(items.map((one) => [one.item, one]));
		for (const { user, item } of rows) {
			this.taken.set(user, (this.taken.get(user) ?? new Set()).add(item));
			this.takers.set(item, (this.takers.get(item) ?? 0) + 1);
		}
	}

	private topicOf(item: string): string {
		return this.items.get(item)?.tags?.[0] ?? "";
	}

	titleOf(item: string): string {
		return this.items.get(item)?.title ?? item;
	}

	has(user: string): boolean {
		return this.taken.has(user);
	}

	takenBy(user: string): string[] {
		return [...(this.taken.get(user) ?? [])];
	}

	/** Most frequent first, with how many of the items each has. */
	private topicsOf(items: string[]): [topic: string, items: number][] {
		const counts = new Map<string, number>();
		for (const item of items) counts.set(this.topicOf(item), (counts.get(this.topicOf(item)) ?? 0) + 1);
		return [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
	}

	/** In words: 3 of Chess, 2 of Jazz. */
	about(items: string[]): string {
		const told = this.topicsOf(items).map(([topic, n]) => `${n} of ${topic}`);
		return told.join(", ") || "nothing";
	}

	/** The first by id with a short history of two topics and nothing else. */
	someoneWithTwoTopics(): string {
		const found = [...this.taken.keys()].sort().find((user) => {
			const topics = this.topicsOf(this.takenBy(user));
			const size = this.takenBy(user).length;
			return size >= 4 && size <= 6 && topics.length === 2 && (topics[1]?.[1] ?? 0) >= 2;
		});
		if (!found) throw new Error("nobody in the sample has two topics");
		return found;
	}

	/** So many people, who like the topic best. */
	fansOf(topic: string, most: number): string[] {
		const liking = (user: string) => this.topicsOf(this.takenBy(user)).find(([name]) => name === topic)?.[1] ?? 0;
		const fans = [...this.taken.keys()].map((user): [string, number] => [user, liking(user)]);
		return fans
			.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
			.slice(0, most)
			.map(([user]) => user);
	}

	/** What the person has met nothing of, in alphabetical order. */
	topicsBeside(user: string): string[] {
		const met = new Set(this.topicsOf(this.takenBy(user)).map(([topic]) => topic));
		return [...new Set([...this.items.keys()].map((item) => this.topicOf(item)))]
			.filter((topic) => !met.has(topic))
			.sort();
	}

	/** The items of a topic that most people took. */
	favouritesOf(topic: string, most: number): string[] {
		return [...this.takers]
			.filter(([item]) => this.topicOf(item) === topic)
			.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
			.slice(0, most)
			.map(([item]) => item);
	}
}
