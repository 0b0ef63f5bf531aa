import type { LeaderboardGroup, Protocol } from "@valence/client";
import {
	axesOf,
	isWide,
	placeAsked,
	spotsOf,
	testMetrics,
	toTest,
	weighedBy,
} from "../../services/dashboard/src/leaderboard";
import { alongLine, frontOf, labelled, placed } from "../../services/dashboard/src/pareto";
import { KNOWN } from "./compared-fixture";

const PROTOCOL: Protocol = { maskTest: "train", cutoffs: [20, 50], metrics: ["recall", "novelty"], hash: "" };
const place = (name: string, recall: number | null, users: number | null = 100): LeaderboardGroup => ({
	model: "valid",
	config: {},
	effort: null,
	configHash: name,
	label: name,
	runs: [
		{ id: `${name}-1`, seed: 1, experiment: { id: "e", name: "E" }, users },
		{ id: `${name}-2`, seed: 2, experiment: { id: "e", name: "E" }, users: null },
	],
	openSeeds: 0,
	metrics: {
		"test.recall@20": { mean: recall, deviation: null, n: 1 },
		"test.novelty@20": { mean: 3, deviation: null, n: 1 },
	},
	seconds: { mean: 12, deviation: null, n: 1 },
	peakMemoryBytes: null,
	parameters: 1000,
});

it("tests what is chosen, else all, of those whose runs have values, and asks for these runs alone", () => {
	const places = [place("a", 0.1), place("old", 0.2, null), place("c", 0.3)];
	expect(toTest(places, []).map(({ configHash }) => configHash)).toEqual(["a", "c"]);
	expect(toTest(places, ["c", "old"]).map(({ configHash }) => configHash)).toEqual(["c"]);
	expect(placeAsked(place("a", 0.1))).toEqual({ name: "valid, a", runs: ["a-1"] });
	expect(
		toTest(
			Array.from({ length: 60 }, (_, index) => place(String(index), 0.1)),
			[],
		),
	).toHaveLength(50);
});

it("weighs by metrics and by effort, where anything is known of them", () => {
	const places = [place("a", 0.1), place("b", null)];
	expect(testMetrics(places, PROTOCOL)).toEqual(["test.recall@20", "test.novelty@20"]);
	const measures = weighedBy(places, PROTOCOL, [...KNOWN]);
	expect(measures.map(({ title, better }) => `${title} ${better}`)).toEqual([
		"Recall@20 higher",
		"Novelty@20 null",
		"Training time lower",
		"Parameters lower",
	]);
	const axes = axesOf(measures, { x: null, y: null }) as NonNullable<ReturnType<typeof axesOf>>;
	expect([axes.x.name, axes.y.name]).toEqual(["seconds", "test.recall@20"]);
	expect(axesOf(measures, { x: "parameters", y: "nothing" })?.x.name).toBe("parameters");
	expect(axesOf(measures, { x: "test.novelty@20", y: null })?.x.better).toBeNull();
	expect(spotsOf(places, axes)).toEqual([{ id: "a", text: "valid, a", x: 12, y: 0.1 }]);
	expect([isWide([1, 100]), isWide([1, 10]), isWide([0, 100])]).toEqual([true, false, false]);
});

const point = (id: string, x: number, y: number) => ({ id, x, y });

it("has on the front what no other beats in both, twins too, whichever way is better", () => {
	const points = [point("a", 1, 5), point("b", 2, 4), point("worse", 1, 4), point("c", 3, 1), point("twin", 2, 4)];
	expect(frontOf(points, "higher", "higher")).toEqual(["a", "b", "twin", "c"]);
	expect(frontOf(points, "lower", "higher")).toEqual(["a"]);
	expect(frontOf([], "lower", "lower")).toEqual([]);
});

const AREA = { x: 0, y: 0, width: 300, height: 200 };
const named = (id: string, x: number, y: number, text: string) => ({ id, x, y, text });

it("writes labels over no point, no other label and no edge", () => {
	const points = Array.from({ length: 9 }, (_, at) =>
		named(String(at), 140 + 9 * (at % 3), 90 + 9 * Math.floor(at / 3), "abc"),
	);
	const labels = placed([...points, named("edge", 299, 1, "at the edge")], AREA);
	expect(labels).toHaveLength(10);
	const dots = points.map(({ x, y }) => ({ x: x - 6, y: y - 6, width: 12, height: 12 }));
	const boxes = [...labels, ...dots];
	for (const label of labels) {
		expect(label.x).toBeGreaterThanOrEqual(0);
		expect(label.x + label.width).toBeLessThanOrEqual(AREA.width);
		expect(label.y).toBeGreaterThanOrEqual(0);
		const covered = boxes.filter(
			(box) =>
				box !== label &&
				box.x < label.x + label.width &&
				label.x < box.x + box.width &&
				box.y < label.y + label.height &&
				label.y < box.y + box.height,
		);
		expect(covered).toEqual([]);
	}
});

it("keeps labels off the line that joins the front", () => {
	const [from, to] = [named("a", 100, 100, "abcdef"), named("b", 200, 100, "b")];
	expect(placed([from, to], AREA)[0]).toMatchObject({ x: 108, y: 93 });
	const line = alongLine([from, to]);
	expect(line.length).toBeGreaterThan(10);
	const [label] = placed([from, to], AREA, line);
	expect((label?.x ?? 0) + (label?.width ?? 0)).toBeLessThanOrEqual(100);
	expect(alongLine([from])).toEqual([]);
});

it("numbers the points where their names have no room", () => {
	const long = "a configuration of which much is said ".repeat(2);
	const { labels, isNumbered } = labelled([named("a", 100, 100, long), named("b", 200, 100, "b")], AREA);
	expect(isNumbered).toBe(true);
	expect(labels.map(({ id, text }) => [id, text])).toEqual([
		["a", "1"],
		["b", "2"],
	]);
	expect(labelled([named("a", 100, 100, "a")], AREA).isNumbered).toBe(false);
});
