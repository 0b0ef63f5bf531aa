// What was answered in the last quarter of an hour: counts by tier and durations, in windows of ten seconds.
import type { Static } from "@fastify/type-provider-typebox";
import type { AnsweredBy } from "../views/recommendation.js";

export type Tier = Static<typeof AnsweredBy>;
export const WINDOW_SECONDS = 10;
export const WINDOWS = 90;
/** Durations are counted in steps of a tenth: from 10 µs to over a minute. */
const LEAST_MS = 0.01;
const STEP = Math.log(1.1);
const STEPS = 170;

interface Window {
	/** Number of the window since 1970. */
	number: number;
	tiers: Record<Tier, number>;
	durations: Uint32Array;
}
export interface Point {
	at: string;
	requests: number;
	tiers: Record<Tier, number>;
	/** Milliseconds, off by 5 % at most; null when nothing was asked. */
	p50: number | null;
	p99: number | null;
}

export class Traffic {
	private readonly windows: Window[] = [];

	record(tier: Tier, milliseconds: number, now = Date.now()): void {
		const number = Math.floor(now / 1000 / WINDOW_SECONDS);
		let window = this.windows.at(-1);
		if (!window || window.number !== number) {
			window = { number, tiers: { list: 0, live: 0, popular: 0 }, durations: new Uint32Array(STEPS) };
			this.windows.push(window);
			if (this.windows.length > WINDOWS) this.windows.shift();
		}
		window.tiers[tier]++;
		const step = Math.ceil(Math.log(Math.max(milliseconds, LEAST_MS) / LEAST_MS) / STEP);
		window.durations[Math.min(step, STEPS - 1)] = (window.durations[Math.min(step, STEPS - 1)] as number) + 1;
	}

	/** One for each window, oldest first, also those in which nothing was asked. */
	points(now = Date.now()): Point[] {
		const last = Math.floor(now / 1000 / WINDOW_SECONDS);
		const known = new Map(this.windows.map((window) => [window.number, window]));
		return Array.from({ length: WINDOWS }, (_, index) => {
			const number = last - WINDOWS + 1 + index;
			const at = new Date(number * WINDOW_SECONDS * 1000).toISOString();
			const window = known.get(number);
			if (!window) return { at, requests: 0, tiers: { list: 0, live: 0, popular: 0 }, p50: null, p99: null };
			const { tiers, durations } = window;
			const requests = tiers.list + tiers.live + tiers.popular;
			return {
				at,
				requests,
				tiers: { ...tiers },
				p50: quantile(durations, requests, 0.5),
				p99: quantile(durations, requests, 0.99),
			};
		});
	}
}

/** The middle of the step that holds the quantile. */
function quantile(durations: Uint32Array, total: number, q: number): number {
	let left = Math.max(1, Math.ceil(q * total));
	let step = 0;
	while (step < STEPS - 1) {
		left -= durations[step] as number;
		if (left <= 0) break;
		step++;
	}
	return Number((LEAST_MS * Math.exp((step - 0.5) * STEP)).toPrecision(3));
}
