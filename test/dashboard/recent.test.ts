import { recentFrom, remembered } from "../../services/dashboard/src/recent";

it("remembers the latest first, each once, and forgets the oldest", () => {
	const ids = Array.from({ length: 12 }, (_, index) => `user-${index}`);
	const recent = ids.reduce<string[]>(remembered, []);
	expect(recent).toEqual(["user-11", "user-10", "user-9", "user-8", "user-7", "user-6", "user-5", "user-4"]);
	expect(remembered(recent, "user-6").slice(0, 3)).toEqual(["user-6", "user-11", "user-10"]);
	expect(remembered(recent, "user-6")).toHaveLength(8);
});

it("takes nothing but ids from what the browser stored", () => {
	for (const stored of [null, undefined, "user-1", 3, { 0: "user-1" }]) expect(recentFrom(stored)).toEqual([]);
	expect(recentFrom(["user-1", 2, null, "user-3"])).toEqual(["user-1", "user-3"]);
	expect(recentFrom(Array.from({ length: 20 }, String))).toHaveLength(8);
});
