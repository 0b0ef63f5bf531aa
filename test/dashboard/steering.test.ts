import { changed } from "../../services/dashboard/src/address";
import {
	bodyOf,
	changesOf,
	filled,
	isBent,
	isSilent,
	MOST_IDS,
	type Steering,
	saidOf,
	steeringFrom,
	weighed,
} from "../../services/dashboard/src/steering";

const NONE: Steering = {
	weights: null,
	without: [],
	with: [],
	anyTag: [],
	allTags: [],
	noTag: [],
	shelves: false,
	fresh: 0,
};
const asked = (text: string) => steeringFrom(new URLSearchParams(text));

it("reads from the address what was written to it, whatever the ids hold", () => {
	const steering: Steering = {
		weights: [0, 0.5, 4],
		without: ["a,b", "c&d=e"],
		with: ['<img src="x">', "ü 1"],
		anyTag: ["long read"],
		allTags: ["x-y", "z"],
		noTag: ["#"],
		shelves: true,
		fresh: 3,
	};
	const address = changed(new URLSearchParams("id=user-1"), changesOf(steering)).toString();
	expect(asked(address)).toEqual(steering);
	expect(address).toContain("id=user-1&");
	expect(address).toContain("weights=0-0.5-4");
	expect(changed(new URLSearchParams(address), changesOf(NONE)).toString()).toBe("id=user-1");
});

it("changes nothing of the address but what it is told", () => {
	const before = new URLSearchParams("id=a&without=x&weights=0-1");
	expect(changed(before, changesOf({ without: ["x", "y"] })).toString()).toBe("id=a&weights=0-1&without=x&without=y");
	expect(changed(before, { id: null }).toString()).toBe("without=x&weights=0-1");
	expect(before.toString()).toBe("id=a&without=x&weights=0-1");
});

it("takes no weights from an address that holds something else", () => {
	for (const text of ["", "x", "1-", "1--2", "-1", "5", "1-4.01", "1e1", "0x1", "NaN", "1,2"]) {
		expect([text, asked(`weights=${encodeURIComponent(text)}`).weights]).toEqual([text, null]);
	}
	expect(asked("weights=4-0.25").weights).toEqual([4, 0.25]);
});

it("takes a whole number of new items, as many as the service does", () => {
	for (const [text, fresh] of [
		["", 0],
		["-1", 0],
		["1.5", 0],
		["x", 0],
		["3", 3],
		["21", 20],
		["100", 0],
	] as const)
		expect([text, asked(`fresh=${text}`).fresh]).toEqual([text, fresh]);
	expect(bodyOf({ ...NONE, fresh: 3 })).toEqual({ n: 20, fresh: 3 });
	expect(isBent({ ...NONE, fresh: 3 })).toBe(false);
});

it("takes each id once, and no more than an address can hold", () => {
	expect(asked("with=a&with=&with=b&with=a").with).toEqual(["a", "b"]);
	const many = new URLSearchParams(Array.from({ length: MOST_IDS + 5 }, (_, index) => ["without", `item-${index}`]));
	expect(steeringFrom(many).without).toHaveLength(MOST_IDS);
});

it("asks for nothing where nothing is steered, and for a preview only where something can move", () => {
	expect(bodyOf(NONE)).toBeNull();
	expect(bodyOf({ ...NONE, shelves: true })).toEqual({ n: 20, shelves: true });
	expect(bodyOf({ ...NONE, noTag: ["x"] })).toEqual({ n: 20, filter: { noTag: ["x"] } });
	expect(bodyOf({ ...NONE, weights: [0, 2] })).toEqual({
		n: 20,
		steer: [
			{ interest: 0, weight: 0 },
			{ interest: 1, weight: 2 },
		],
		preview: true,
	});
	expect(bodyOf({ ...NONE, without: ["a"], with: ["b"] })).toEqual({
		n: 20,
		without: ["a"],
		with: ["b"],
		preview: true,
	});
	expect([isBent({ ...NONE, with: ["a"] }), isBent({ ...NONE, shelves: true, anyTag: ["x"] })]).toEqual([true, false]);
});

it("forgets weights that are those applied anyhow", () => {
	expect(weighed([1, 1, 1], 1, 0, [1, 1, 1])).toEqual([1, 0, 1]);
	expect(weighed([1, 0, 1], 1, 1, [1, 1, 1])).toBeNull();
	// What is kept is put aside by weights that say so.
	expect(weighed([1, 0, 1], 1, 1, [1, 0, 1])).toEqual([1, 1, 1]);
	expect(weighed([1, 1, 1], 1, 0, [1, 0, 1])).toBeNull();
	expect(filled(3, [0])).toEqual([0, 1, 1]);
});

it("knows when nobody is left to recommend by, and names weights", () => {
	expect([isSilent(NONE), isSilent({ ...NONE, weights: [0, 0] }), isSilent({ ...NONE, weights: [0, 0.25] })]).toEqual([
		false,
		true,
		false,
	]);
	expect([0, 0.5, 2, 3.25].map(saidOf)).toEqual(["muted", "less", "more", "3.25 times as much"]);
});
