// Answers between two writings: all of them, or where they are too many as many as there is room for, each as likely as any other.
import type { Deployed } from "../plugins/deployments.js";
import type { Tier } from "../serving/traffic.js";

const HOUR_MS = 3_600_000;

export interface Given {
	id: string;
	deployed: Deployed;
	feed: number;
	tier: Tier;
	/** Milliseconds since 1970. */
	at: number;
	/** Null for somebody of whom only items are known. */
	user: string | null;
	shown: () => number[];
}
export interface Count {
	of: Deployed;
	tier: Tier;
	/** Its beginning, in milliseconds since 1970. */
	hour: number;
	answered: number;
}
export interface Taken {
	answers: Given[];
	/** By `keyOf`. */
	counts: Map<string, Count>;
	/** How many there was no room for. */
	left: number;
}

export const hourOf = (at: number) => at - (at % HOUR_MS);
export const keyOf = ({ deployed, tier, at }: Pick<Given, "deployed" | "tier" | "at">) =>
	`${hourOf(at)} ${tier} ${deployed.checkpoint.id} ${deployed.name}`;

export class Sample {
	private answers: Given[] = [];
	private counts = new Map<string, Count>();
	private latest: Count | undefined;
	private seen = 0;

	constructor(
		private readonly room: number,
		private readonly random: () => number = Math.random,
	) {}

	add(given: Given): void {
		this.count(given);
		this.seen++;
		if (this.answers.length < this.room) {
			this.answers.push(given);
			return;
		}
		// Algorithm R: J. S. Vitter, Random Sampling with a Reservoir, 1985.
		const place = Math.floor(this.random() * this.seen);
		if (place < this.room) this.answers[place] = given;
	}

	private count(given: Given): void {
		const { deployed, tier, at } = given;
		const hour = hourOf(at);
		// Mostly the same as before: a key need not be made for each.
		let count = this.latest;
		if (!count || count.of !== deployed || count.tier !== tier || count.hour !== hour) {
			const key = keyOf(given);
			count = this.counts.get(key);
			if (!count) {
				count = { of: deployed, tier, hour, answered: 0 };
				this.counts.set(key, count);
			}
			this.latest = count;
		}
		count.answered++;
	}

	get isEmpty(): boolean {
		return this.counts.size === 0;
	}

	/** All that there is; what comes next is of the next writing. */
	take(): Taken {
		const { answers, counts, seen } = this;
		this.answers = [];
		this.counts = new Map();
		this.latest = undefined;
		this.seen = 0;
		return { answers, counts, left: Math.max(0, seen - this.room) };
	}

	/** Those that could not be written were answered all the same. */
	putBack(counts: Map<string, Count>): void {
		for (const [key, count] of counts) {
			const known = this.counts.get(key);
			if (known) known.answered += count.answered;
			else this.counts.set(key, count);
		}
	}

	forget(feed: number, user: string): void {
		this.answers = this.answers.filter((given) => given.feed !== feed || given.user !== user);
	}
}
