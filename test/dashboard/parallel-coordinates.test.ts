import { axesOf, linesOf, nearestLine } from "../../services/dashboard/src/parallel-coordinates";

const space = { tau: { low: 0.01, high: 1, log: true }, model: { values: ["code", "off"] }, k: { low: 2, high: 10 } };
const trial = (number: number, tau: number, model: string, k: number, value: number | null) => ({
	...{ number, value, chosen: { tau, model, k } },
});
const history = [
	trial(0, 0.01, "code", 2, 0.1),
	trial(1, 0.1, "off", 6, 0.2),
	trial(2, 1, "code", 10, 0.3),
	trial(3, 1, "code", 4, null),
	{ number: 4, value: null, chosen: null },
];
const axes = axesOf(space, "Recall", [0.1, 0.2, 0.3]);

it("lays out fields on their scales, and the value last", () => {
	expect(axes.map(({ title, note }) => [title, note])).toEqual([
		["tau", "log"],
		["model", ""],
		["k", ""],
		["Recall", ""],
	]);
	const [tau, model, k, value] = axes;
	expect(tau?.place(0.1)).toBeCloseTo(0.5);
	expect([model?.place("code"), model?.place("off"), model?.place("other")]).toEqual([0.25, 0.75, null]);
	expect([k?.place(2), k?.place(6), k?.place(10), k?.place("6")]).toEqual([0, 0.5, 1, null]);
	expect(value?.place(0.3)).toBe(1);
	expect(tau?.ticks.map(({ text }) => text)).toEqual(["0.01", "0.1", "1"]);
	expect(model?.ticks.map(({ text }) => text)).toEqual(["code", "off"]);
	expect(k?.ticks).toEqual([
		{ at: 0, text: "2" },
		{ at: 0.5, text: "6" },
		{ at: 1, text: "10" },
	]);
});

it("puts a value that all trials share in the middle of its axis", () => {
	const [value] = axesOf({}, "Recall", [0.2, 0.2]);
	expect([value?.place(0.2), value?.ticks]).toEqual([0.5, [{ at: 0.5, text: "0.2000" }]]);
});

it("draws a line for every trial with a value, the best above the others", () => {
	const lines = linesOf(axes, Object.keys(space), history);
	expect(lines.map(({ number, merit }) => [number, merit])).toEqual([
		[0, 0],
		[1, expect.closeTo(0.5)],
		[2, 1],
	]);
	expect(lines[2]?.places).toEqual([1, 0.25, 1, 1]);
});

it("finds the line that comes nearest to a point, and none far from all", () => {
	const lines = linesOf(axes, Object.keys(space), history);
	expect(nearestLine(lines, 0, 0.02)).toBe(0);
	expect(nearestLine(lines, 1, 0.98)).toBe(2);
	expect(nearestLine(lines, 2 / 3, 0.5)).toBe(1);
	expect(nearestLine(lines, 0, 0.25)).toBeNull();
	expect(nearestLine([], 0.5, 0.5)).toBeNull();
});
