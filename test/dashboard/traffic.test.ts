import type { TrafficPoint } from "@valence/client";
import { rowsOf, summaryOf } from "../../services/dashboard/src/traffic";

const at = (second: number) => new Date(2026, 10, 26, 9, 0, second).toISOString();
const asked = (second: number, list: number, live: number, popular = 0): TrafficPoint => ({
	at: at(second),
	requests: list + live + popular,
	tiers: { list, live, popular },
	p50: 1.5,
	p99: second,
});
const idle = (second: number): TrafficPoint => ({
	at: at(second),
	requests: 0,
	tiers: { list: 0, live: 0, popular: 0 },
	p50: null,
	p99: null,
});

it("draws requests a second and shares of tiers, and leaves a gap where nothing was asked", () => {
	const rows = rowsOf({ windowSeconds: 10, points: [asked(0, 60, 20), idle(10)] });
	expect(rows).toEqual([
		{ at: "09:00:00", rate: 8, p50: 1.5, p99: 0, list: 0.75, live: 0.25, popular: 0 },
		{ at: "09:00:10", rate: 0, p50: null, p99: null, list: null, live: null, popular: null },
	]);
});

it("sums the quarter of an hour, and the last minute of it", () => {
	const points = [asked(0, 600, 0), ...[10, 20, 30, 40].map(idle), asked(50, 90, 30), asked(60, 60, 0, 20), idle(70)];
	const { requests, rate, latest, shares } = summaryOf({ windowSeconds: 10, points });
	expect([requests, rate, latest?.p99]).toEqual([800, 200 / 60, 60]);
	expect(shares.map(({ label, share }) => [label, share])).toEqual([
		["list", 750 / 800],
		["live", 30 / 800],
		["popular", 20 / 800],
	]);
});

it("says of a service that nobody asked that nothing was asked", () => {
	const { requests, rate, latest, shares } = summaryOf({ windowSeconds: 10, points: [idle(0)] });
	expect([requests, rate, latest, shares.map(({ share }) => share)]).toEqual([0, 0, null, [0, 0, 0]]);
	expect(summaryOf({ windowSeconds: 10, points: [] }).rate).toBe(0);
});
