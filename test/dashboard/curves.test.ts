import { curvesOf, drawnUnasked, labelledLevels } from "../../services/dashboard/src/curves";

const line = (id: string, values: (number | null)[]) => ({
	id,
	label: `${id} seed 1`,
	series: [{ split: "valid", name: "recall@20", points: values.map((value, at) => ({ epoch: at + 1, value })) }],
});

it("makes one row an epoch, with the value of every run that has one", () => {
	const { rows, curves, levels } = curvesOf([line("a", [0.1, 0.2]), line("b", [0.3, null, 0.5])], "valid", "recall@20");
	expect(rows).toEqual([
		{ epoch: 1, a: 0.1, b: 0.3 },
		{ epoch: 2, a: 0.2 },
		{ epoch: 3, b: 0.5 },
	]);
	expect(curves.map(({ id, index }) => [id, index])).toEqual([
		["a", 0],
		["b", 1],
	]);
	expect(levels).toEqual([]);
});

it("draws nothing where nobody could be measured, and says so only then", () => {
	const nobody = curvesOf([line("a", [null, null]), line("b", [null])], "valid", "recall@20");
	expect(nobody).toEqual({ curves: [], levels: [], rows: [], isUnmeasurable: true });
	expect(curvesOf([line("a", [null, 0.2])], "valid", "recall@20").isUnmeasurable).toBe(false);
	expect(curvesOf([line("a", [])], "valid", "recall@20").isUnmeasurable).toBe(false);
});

it("makes a level of a model solved at once, one for seeds that agree, and keeps the colour of its line", () => {
	const { curves, levels } = curvesOf(
		[line("a", [0.1, 0.2]), line("ease", [0.4]), { ...line("again", [0.4]), label: "ease seed 2" }],
		"valid",
		"recall@20",
	);
	expect(curves.map(({ id }) => id)).toEqual(["a"]);
	expect(levels).toEqual([{ value: 0.4, label: "ease", index: 1 }]);
});

it("keeps two models that reach the same value apart", () => {
	const lines = [line("a", [0.1, 0.2]), line("ease", [0.4]), line("slim", [0.4])];
	expect(curvesOf(lines, "valid", "recall@20").levels.map(({ label }) => label)).toEqual(["ease", "slim"]);
});

it("has points, not levels, where nothing has a second epoch", () => {
	const { curves, levels } = curvesOf([line("ease", [0.4]), line("none", [])], "valid", "recall@20");
	expect(curves.map(({ id }) => id)).toEqual(["ease"]);
	expect(levels).toEqual([]);
});

it("draws all runs while they can be told apart, else the first of each configuration", () => {
	const runs = ["a", "a", "b", "b", "c"].map((configHash, id) => ({ id, configHash }));
	const ids = (most: number) => drawnUnasked(runs, most).map(({ id }) => id);
	expect(ids(5)).toEqual([0, 1, 2, 3, 4]);
	expect(ids(4)).toEqual([0, 2, 4]);
	expect(ids(2)).toEqual([0, 2]);
});

it("labels no two levels that lie closer than a label is high", () => {
	const lines = [line("valid", [0, 1]), line("ease", [0.5]), line("slim", [0.55]), line("popularity", [0.1])];
	const labels = labelledLevels(curvesOf(lines, "valid", "recall@20")).map(({ label }) => label);
	expect(labels).toEqual(["ease", "popularity"]);
});
