// Ids by position and back, as one block of UTF-8: a million of them cost their bytes and eight more, not an object each.
import { Buffer } from "node:buffer";

export class IdTable {
	private constructor(
		private readonly bytes: Buffer,
		/** [n + 1], where each id begins. */
		private readonly starts: Uint32Array,
		/** [n], positions in the order of their bytes; null where that is the order they have. */
		private readonly sorted: Uint32Array | null,
	) {}

	static of(ids: readonly string[]): IdTable {
		return IdTable.from([ids.map((id) => Buffer.from(id))]);
	}

	/** From ids in parts, in their order. */
	static from(parts: readonly Buffer[][]): IdTable {
		const ids = parts.flat();
		const starts = new Uint32Array(ids.length + 1);
		let ascending = true;
		for (const [place, id] of ids.entries()) {
			starts[place + 1] = (starts[place] as number) + id.length;
			if (place > 0 && Buffer.compare(ids[place - 1] as Buffer, id) >= 0) ascending = false;
		}
		const sorted = ascending
			? null
			: Uint32Array.from(ids.keys()).sort((a, b) => Buffer.compare(ids[a] as Buffer, ids[b] as Buffer));
		return new IdTable(Buffer.concat(ids), starts, sorted);
	}

	get length(): number {
		return this.starts.length - 1;
	}

	id(position: number): string {
		return this.bytes.toString("utf8", this.starts[position], this.starts[position + 1]);
	}

	/** -1 when there is no such id. */
	indexOf(id: string): number {
		const wanted = Buffer.from(id);
		const rank = this.rankOf(wanted);
		return rank < this.length && this.compare(rank, wanted) === 0 ? this.at(rank) : -1;
	}

	/** Ranks [from, to) of the ids that begin with `prefix`, in the order of their bytes. */
	withPrefix(prefix: string): [from: number, to: number] {
		const first = Buffer.from(prefix);
		// No UTF-8 text has this byte, so it stands behind all that begin alike.
		return [this.rankOf(first), this.rankOf(Buffer.concat([first, Buffer.from([0xff])]))];
	}

	/** The rank of the first id that stands behind `id`, whether that is one of these or not. */
	rankAfter(id: string): number {
		return this.rankOf(Buffer.from(`${id}\0`));
	}

	/** The position of the id with this rank. */
	at(rank: number): number {
		return this.sorted ? (this.sorted[rank] as number) : rank;
	}

	/** How many ids stand before `wanted`. */
	private rankOf(wanted: Buffer): number {
		let [low, high] = [0, this.length];
		while (low < high) {
			const middle = (low + high) >>> 1;
			if (this.compare(middle, wanted) < 0) low = middle + 1;
			else high = middle;
		}
		return low;
	}

	private compare(rank: number, wanted: Buffer): number {
		const position = this.at(rank);
		// Negative when the id stands before `wanted`.
		return -wanted.compare(this.bytes, this.starts[position], this.starts[position + 1]);
	}
}
