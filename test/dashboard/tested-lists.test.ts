import {
	depthOf,
	hitsSentence,
	maskedOf,
	rankRows,
	seedsBeside,
	sideOf,
	wantedOf,
} from "../../services/dashboard/src/tested-lists";
import { comparison } from "./compared-fixture";

const HISTORY = [
	{ id: "a", part: "train" },
	{ id: "a", part: "train" },
	{ id: "b", part: "valid" },
	{ id: "c", part: "test" },
	{ id: "d", part: "fold_in" },
] as const;

it("leaves out of a list what the protocol masks, and asks for what the test asks for", () => {
	expect(maskedOf([...HISTORY], "train")).toEqual(["a", "d"]);
	expect(maskedOf([...HISTORY], "train+valid")).toEqual(["a", "b", "d"]);
	expect(wantedOf([...HISTORY])).toEqual(["c"]);
	expect([depthOf("recall@50"), depthOf("recall")]).toEqual([50, 20]);
});

it("marks what was asked for and what only one list has", () => {
	const item = (id: string) => ({ id, title: null });
	expect(rankRows([item("c"), item("x")], [item("c")], ["c"])).toEqual([
		{ ...item("c"), rank: 1, isHit: true, isInBoth: true },
		{ ...item("x"), rank: 2, isHit: false, isInBoth: false },
	]);
	const lists: [string, ReturnType<typeof item>[]][] = [
		["VALID", [item("c"), item("x")]],
		["EASE", [item("x")]],
	];
	expect(hitsSentence(["c"], lists)).toBe(
		"Of 1 item that the test asks for 1 is in the list of VALID, 0 in that of EASE.",
	);
	expect(hitsSentence(["c", "x"], lists)).toContain("2 items that the test asks for 2 are in the list of VALID, 1 in");
});

it("finds the side of a run, with the seeds beside it", () => {
	const whole = comparison();
	expect(sideOf(whole, "EASE-1")).toEqual({ run: "EASE-1", seed: 1, name: "EASE" });
	expect([sideOf(whole, "gone"), sideOf(whole, null)]).toEqual([undefined, undefined]);
	expect(seedsBeside(whole, "EASE-1").map(({ seed }) => seed)).toEqual([1]);
	expect(seedsBeside(whole, "gone")).toEqual([]);
});
