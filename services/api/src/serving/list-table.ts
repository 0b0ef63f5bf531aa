// The lists of users of one checkpoint, in a few large arrays: an object for each recommendation would take ten times as much.
import { type List, partOf, REASONS } from "./packed-list.js";

/** Lists whose memory is taken at once. */
const SLAB = 256;
const NOBODY = -1;

type Slab = List;

export class ListTable {
	readonly capacity: number;
	/** Of the memory that is taken. */
	bytes: number;
	private readonly slabs: Slab[] = [];
	/** Slot of each user, NOBODY without a list. */
	private readonly slots: Int32Array;
	/** By slot: its user, length and neighbours in the order of use; the ends hold NOBODY. */
	private readonly owners: Int32Array;
	private readonly counts: Uint16Array;
	private readonly older: Int32Array;
	private readonly newer: Int32Array;
	private oldest = NOBODY;
	private newest = NOBODY;
	private used = 0;

	constructor(
		readonly users: number,
		readonly depth: number,
		readonly interests: number,
		readonly hasLinear: boolean,
		readonly budget: number,
	) {
		const whole = Math.max(0, Math.floor((budget - users * 4) / (this.listBytes + 14)));
		this.capacity = Math.min(users, whole);
		this.slots = new Int32Array(users).fill(NOBODY);
		this.owners = new Int32Array(this.capacity);
		this.counts = new Uint16Array(this.capacity);
		this.older = new Int32Array(this.capacity);
		this.newer = new Int32Array(this.capacity);
		this.bytes = users * 4 + this.capacity * 14;
	}

	/** Users with a list. */
	get size(): number {
		return this.used;
	}

	get isFull(): boolean {
		return this.used === this.capacity;
	}

	has(user: number): boolean {
		return this.slots[user] !== NOBODY;
	}

	/** The user's list, which counts as used now; a view of the table, not to be kept. */
	get(user: number): List | null {
		const slot = this.slots[user] ?? NOBODY;
		if (slot === NOBODY) return null;
		this.touch(slot);
		return this.view(slot);
	}

	private view(slot: number): List {
		const slab = this.slabs[Math.floor(slot / SLAB)] as Slab;
		const first = (slot % SLAB) * this.depth;
		const end = first + (this.counts[slot] as number);
		return partOf(slab, this.interests, first, end);
	}

	/** Keeps a list of at most `depth`, in the place of the one longest unused when there is no room. */
	put(user: number, list: List): void {
		if (this.capacity === 0) return;
		const known = this.slots[user] as number;
		if (known !== NOBODY) {
			this.touch(known);
			this.write(known, list);
			return;
		}
		const slot = this.free();
		this.own(slot, user, list);
		this.append(slot);
	}

	/** Keeps the list of a user who has none as the first to leave. Only while there is room. */
	putOldest(user: number, list: List): void {
		const slot = this.free();
		this.own(slot, user, list);
		this.prepend(slot);
	}

	/** The same lists in the other table, the longest unused left out where it has less room. */
	copiedTo(other: ListTable): ListTable {
		for (let slot = this.oldest; slot !== NOBODY; slot = this.newer[slot] as number) {
			other.put(this.owners[slot] as number, this.view(slot));
		}
		return other;
	}

	private own(slot: number, user: number, list: List): void {
		this.slots[user] = slot;
		this.owners[slot] = user;
		this.write(slot, list);
	}

	private write(slot: number, list: List): void {
		const slab = this.slabs[Math.floor(slot / SLAB)] as Slab;
		const first = (slot % SLAB) * this.depth;
		slab.items.set(list.items, first);
		slab.scores.set(list.scores, first);
		slab.shares.set(list.shares, first * this.interests);
		slab.because.set(list.because, first * REASONS);
		if (this.hasLinear) slab.linear.set(list.linear, first);
		this.counts[slot] = list.items.length;
	}

	private get listBytes(): number {
		return this.depth * (8 + 4 * (this.interests + REASONS + Number(this.hasLinear)));
	}

	private free(): number {
		if (this.used < this.capacity) {
			if (this.used % SLAB === 0) this.grow();
			return this.used++;
		}
		const slot = this.oldest;
		this.slots[this.owners[slot] as number] = NOBODY;
		this.remove(slot);
		return slot;
	}

	private grow(): void {
		const entries = Math.min(SLAB, this.capacity - this.used) * this.depth;
		this.slabs.push({
			items: new Uint32Array(entries),
			scores: new Float32Array(entries),
			shares: new Float32Array(entries * this.interests),
			because: new Uint32Array(entries * REASONS),
			linear: new Float32Array(this.hasLinear ? entries : 0),
		});
		this.bytes += (entries / this.depth) * this.listBytes;
	}

	private touch(slot: number): void {
		if (slot === this.newest) return;
		this.remove(slot);
		this.append(slot);
	}

	private append(slot: number): void {
		this.older[slot] = this.newest;
		this.newer[slot] = NOBODY;
		if (this.newest === NOBODY) this.oldest = slot;
		else this.newer[this.newest] = slot;
		this.newest = slot;
	}

	private prepend(slot: number): void {
		this.newer[slot] = this.oldest;
		this.older[slot] = NOBODY;
		if (this.oldest === NOBODY) this.newest = slot;
		else this.older[this.oldest] = slot;
		this.oldest = slot;
	}

	private remove(slot: number): void {
		const [older, newer] = [this.older[slot] as number, this.newer[slot] as number];
		if (older === NOBODY) this.oldest = newer;
		else this.newer[older] = newer;
		if (newer === NOBODY) this.newest = older;
		else this.older[newer] = older;
	}
}
