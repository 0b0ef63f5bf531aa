import { idsOf, idsProblem, wish } from "../../services/dashboard/src/exports.js";

test("ids are lines: repetitions, empty lines and line ends of other systems do not count", () => {
	expect(idsOf("b\r\na\n\n  a  \nwith space\nb,c\n")).toEqual(["b", "a", "with space", "b,c"]);
	expect(idsOf(" \n")).toEqual([]);
});

test("too many ids are said beforehand", () => {
	const many = Array.from({ length: 100_001 }, String);
	expect(idsProblem(many.slice(1))).toBeNull();
	expect(idsProblem(many)).toBe("At most 100,000 ids; these are 100,001.");
});

test("what was asked for, in a line", () => {
	const all = { n: 20, users: null, explain: false, unknownUsers: 0 };
	expect(wish(all)).toBe("20 each for everybody");
	expect(wish({ ...all, users: 1, explain: true })).toBe("20 each for 1 user, explained");
	expect(wish({ ...all, n: 1_000, users: 5_000, unknownUsers: 7 })).toBe("1,000 each for 5,000 users (7 unknown)");
});
