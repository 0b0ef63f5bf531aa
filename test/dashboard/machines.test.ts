import { machineSentence, runsOf, workLabel, workPath } from "../../services/dashboard/src/machines.js";

const work = (kind: "run" | "import" | "evaluation" | "export", about: string | null = null) => ({
	...{ id: "7", kind, about },
	startedAt: "2026-11-27T00:00:00Z",
});

test("what a machine works at: runs of as many as it takes, and where each thing is shown", () => {
	expect(runsOf({ slots: 2, work: [work("run", "valid"), work("import")] })).toBe("1 of 2");
	expect([work("run", "valid"), work("import")].map(workLabel)).toEqual(["valid, run", "import"]);
	expect([work("run", "valid"), work("import"), work("export"), work("evaluation")].map(workPath)).toEqual([
		...["/runs/7", "/datasets/7", "/exports", null],
	]);
});

test("where a run is worked at, or what it waits for", () => {
	const of = (machine: string | null, machineClass: string | null, lacksMachine = false) =>
		machineSentence({ machine, class: machineClass, lacksMachine });
	expect([of(null, null), of("one", null), of("one", "gpu")]).toEqual([
		...["–", "one", "one, only machines of class gpu"],
	]);
	expect([of(null, null, true), of("one", "gpu", true)]).toEqual([
		"waits: no machine is there that takes work",
		"waits: no machine of class gpu is there that takes work",
	]);
});
