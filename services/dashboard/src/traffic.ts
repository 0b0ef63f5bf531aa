// What the charts of a deployment draw, and the figures beside them.

export const TIERS: { tier: Tier; label: string; meaning: string; color: string }[] = [
	{ tier: "list", label: "list", meaning: "Looked up in a list made beforehand", color: "teal.6" },
	{ tier: "live", label: "live", meaning: "Computed by the model for this request", color: "indigo.6" },
	{
		tier: "popular",
		label: "popular",
		meaning: "What most people like: the model does not know this person",
		color: "orange.6",
	},
];

const LATELY_SECONDS = 60;
const clock = (at: string) => new Date(at).toLocaleTimeString("en-GB");

/** A row a window: requests a second, milliseconds, and the share of each tier; no value where nothing was asked. */
export function rowsOf({ windowSeconds, points }: Serving["traffic"]) {
	return points.map(({ at, requests, tiers, p50, p99 }) => ({
		at: clock(at),
		rate: requests / windowSeconds,
		p50,
		p99,
		...Object.fromEntries(TIERS.map(({ tier }) => [tier, requests > 0 ? tiers[tier] / requests : null])),
	}));
}

/** Of all points: requests, the share of each tier, and requests a second of the last minute. */
export function summaryOf({ windowSeconds, points }: Serving["traffic"]) {
	const sum = (of: (point: TrafficPoint) => number, among = points) => among.reduce((all, one) => all + of(one), 0);
	const requests = sum((point) => point.requests);
	const lately = points.slice(-Math.round(LATELY_SECONDS / windowSeconds));
	return {
		requests,
		rate: lately.length === 0 ? 0 : sum((point) => point.requests, lately) / (lately.length * windowSeconds),
		latest: points.findLast((point) => point.p50 !== null) ?? null,
		shares: TIERS.map(({ tier, label }) => ({
			label,
			share: requests > 0 ? sum((point) => point.tiers[tier]) / requests : 0,
		})),
	};
}

import type { Serving, Tier, TrafficPoint } from "@valence/client";
