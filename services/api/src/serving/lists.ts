// The list tier of one checkpoint: what each user is recommended, looked up. Filled for whoever asks, and in the background.
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyBaseLogger } from "fastify";
import type { RankListsRequest, RankListsResponse } from "../generated/proto/recommender/v1/recommender.js";
import type { RecommenderClient } from "../plugins/recommender.js";
import { ListTable } from "./list-table.js";
import { type List, partOf, unpacked } from "./packed-list.js";

/** Users whose lists are asked for at once when they have just asked themselves. */
const MOST_WANTED = 64;
/** After a failure the warming pauses, twice as long each time up to a minute. */
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
/** A recommender that says nothing for so long hangs. */
const SILENCE_MS = 60_000;

export interface ListsStatus {
	/** Users with a list. */
	users: number;
	/** Users in all. */
	total: number;
	bytes: number;
	budget: number;
	depth: number;
	/** Whether the background is done: everybody has a list, or the memory is full. */
	warm: boolean;
}

export class Lists {
	private table: ListTable | null = null;
	private isWarm = false;
	private readonly wanted = new Set<number>();
	private isFetching = false;
	private readonly closing = new AbortController();

	constructor(
		private readonly recommender: RecommenderClient,
		readonly ref: { key: string; sha256: string },
		/** By the whole history, where the model folds in. */
		private readonly whole: boolean,
		private readonly users: number,
		readonly depth: number,
		private budget: number,
		private readonly log: FastifyBaseLogger,
	) {
		if (budget > 0) void this.warm();
	}

	/** A view that holds until the next fill; null when the user has no list here. */
	get(user: number): List | null {
		return this.table?.get(user) ?? null;
	}

	/** Another share of the memory. What fits stays, of what does not the longest unused leaves. */
	resize(budget: number): void {
		if (budget === this.budget || this.closing.signal.aborted) return;
		this.budget = budget;
		const before = this.table;
		if (before) {
			const { interests, hasLinear } = before;
			this.table = before.copiedTo(new ListTable(this.users, this.depth, interests, hasLinear, budget));
		}
		if (this.isWarm && this.table && this.table.size < this.users && !this.table.isFull) {
			this.isWarm = false;
			void this.warm();
		}
	}

	/** Makes the user's list soon; nobody waits for it. */
	want(user: number): void {
		if (this.budget === 0 || this.closing.signal.aborted) return;
		if (this.wanted.size < MOST_WANTED) this.wanted.add(user);
		if (!this.isFetching) void this.fetchWanted();
	}

	/** The lists of some users, by row, computed now and kept as far as there is room. */
	async rank(rows: number[]): Promise<Map<number, List>> {
		const found = new Map<number, List>();
		const request = { checkpoint: this.ref, rows, depth: this.depth, explain: true, whole: this.whole };
		await this.stream(request, (row, list) => {
			found.set(row, list);
			this.keep(row, list, "asked");
			return true;
		});
		return found;
	}

	get status(): ListsStatus {
		const { size = 0, bytes = 0 } = this.table ?? {};
		const { users: total, budget, depth } = this;
		return { users: size, total, bytes, budget, depth, warm: this.isWarm || budget === 0 };
	}

	close(): void {
		this.closing.abort();
		this.wanted.clear();
	}

	/** Gives each list as it comes, until `take` wants no more; some twice where the recommender was lost in the middle. */
	private async stream(request: RankListsRequest, take: (row: number, list: List) => boolean): Promise<void> {
		const silent = new AbortController();
		const timer = setTimeout(() => silent.abort(), SILENCE_MS);
		try {
			const signal = AbortSignal.any([this.closing.signal, silent.signal]);
			await this.recommender.rankLists(request, signal, async (messages) => {
				for await (const message of messages) {
					timer.refresh();
					for (const [row, list] of listsOf(message)) if (!take(row, list)) return;
				}
			});
		} finally {
			clearTimeout(timer);
		}
	}

	private keep(row: number, list: List, why: "asked" | "warmed"): void {
		if (this.budget === 0 || this.closing.signal.aborted) return;
		// An empty list does not tell what the model has.
		if (!this.table && list.items.length === 0) return;
		const interests = list.shares.length / list.items.length;
		this.table ??= new ListTable(this.users, this.depth, interests, list.linear.length > 0, this.budget);
		if (why === "asked") this.table.put(row, list);
		else if (!this.table.has(row)) this.table.putOldest(row, list);
	}

	private async fetchWanted(): Promise<void> {
		this.isFetching = true;
		try {
			while (this.wanted.size > 0) {
				const rows = [...this.wanted];
				this.wanted.clear();
				await this.rank(rows);
			}
		} catch (err) {
			// Who asked has been answered; they ask again.
			if (!this.closing.signal.aborted) this.log.warn({ err }, "lists that were asked for are not made");
		} finally {
			this.isFetching = false;
		}
	}

	/** Those with most interactions first, until everybody has a list or the memory is full; these leave last. */
	private async warm(): Promise<void> {
		const { signal } = this.closing;
		let pause = PAUSE_MS;
		while (!signal.aborted) {
			try {
				const request = { checkpoint: this.ref, rows: [], depth: this.depth, explain: true, whole: this.whole };
				await this.stream(request, (row, list) => {
					if (this.table?.isFull) return false;
					this.keep(row, list, "warmed");
					return true;
				});
				this.isWarm = true;
				return;
			} catch (err) {
				if (signal.aborted) return;
				this.log.warn({ err }, "lists are not warm yet");
				await sleep(pause, undefined, { signal, ref: false }).catch(() => undefined);
				pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
			}
		}
	}
}

function* listsOf({ rows, counts, lists }: RankListsResponse): Generator<[row: number, list: List]> {
	if (!lists) return;
	const all = unpacked(lists);
	const interests = all.items.length > 0 ? all.shares.length / all.items.length : 0;
	let first = 0;
	for (const [place, row] of rows.entries()) {
		const end = first + (counts[place] as number);
		yield [row, partOf(all, interests, first, end)];
		first = end;
	}
}
