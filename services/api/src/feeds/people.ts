// Whose history has moved, in memory: the newest rows of each person of a feed, as many people as there is room for.
/** What is kept of one person; an answer is given no more. */
export const MOST_OF_PERSON = 10_000;

export interface Row {
	item: string;
	/** Milliseconds since 1970. */
	at: number;
	/** Grows with each row that is committed. */
	seq: number;
}

/** Oldest first; of the same moment, in the order they came. */
export const byTime = (a: Row, b: Row) => a.at - b.at || a.seq - b.seq;

export class People {
	/** By id, those who moved last at the end. */
	private readonly rows = new Map<string, Row[]>();
	/** An id of an item stands for all the rows that name it. */
	private readonly items = new Map<string, string>();
	private count = 0;
	private isLosing = false;

	constructor(
		/** Rows that were committed later are here. */
		readonly since: number,
		readonly room: number,
	) {}

	/** Whether who is not here has not moved; false once somebody found no room. */
	get isWhole(): boolean {
		return !this.isLosing;
	}
	/** Rows in memory. */
	get size(): number {
		return this.count;
	}

	get(user: string): readonly Row[] | undefined {
		return this.rows.get(user);
	}

	/** At most so many whose id begins with `prefix`, those who moved last. */
	withPrefix(prefix: string, most: number): string[] {
		const found: string[] = [];
		for (const user of this.rows.keys()) if (user.startsWith(prefix)) found.push(user);
		return found.slice(-most);
	}

	/** Whether anything of a person was committed later than `since`. */
	hasMoved(user: string, since: number): boolean {
		return this.rows.get(user)?.some(({ seq }) => seq > since) ?? false;
	}

	/** All that there is of a person; with no row they have not moved. */
	set(user: string, rows: Row[]): void {
		this.forget(user);
		if (rows.length === 0) return;
		const kept = rows.toSorted(byTime).slice(-MOST_OF_PERSON);
		for (const row of kept) row.item = this.shared(row.item);
		this.rows.set(user, kept);
		this.count += kept.length;
		for (const [oldest] of this.rows) {
			if (this.count <= this.room) break;
			this.forget(oldest);
			this.isLosing = true;
		}
		if (this.count === 0) this.items.clear();
	}

	/** What has come since; false where the person may have more than is here. */
	add(user: string, rows: Row[]): boolean {
		const known = this.rows.get(user);
		if (!known && !this.isWhole) return false;
		// A person who has been read meanwhile has them.
		const there = new Set(known?.map(({ seq }) => seq));
		const others = rows.filter(({ seq }) => !there.has(seq));
		if (others.length > 0) this.set(user, [...(known ?? []), ...others]);
		return true;
	}

	/** What found no room when it was read. */
	lose(): void {
		this.isLosing = true;
	}

	private forget(user: string): void {
		this.count -= this.rows.get(user)?.length ?? 0;
		this.rows.delete(user);
	}

	private shared(item: string): string {
		const known = this.items.get(item);
		if (known !== undefined) return known;
		this.items.set(item, item);
		return item;
	}
}
