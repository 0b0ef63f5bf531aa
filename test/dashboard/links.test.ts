import { leaderboardPath, runUserPath, userPath } from "../../services/dashboard/src/links";

it.each([
	["user-1", "/users/user-1"],
	["a/b?c#d", "/users/a%2Fb%3Fc%23d"],
	["漢字", "/users/%E6%BC%A2%E5%AD%97"],
	// What a browser would take for a step in the path, and the router for a slash.
	[".", "/users?id=."],
	["..", "/users?id=.."],
	["a%2Fb", "/users?id=a%252Fb"],
])("the page of %p is %p", (id, path) => {
	expect(userPath(id)).toBe(path);
});

it("keeps what else the address holds, and no second id", () => {
	expect(userPath("b", new URLSearchParams({ id: "a", deployment: "shop" }))).toBe("/users/b?deployment=shop");
});

it.each([
	[undefined, null, "/runs/r/users"],
	["a/b", null, "/runs/r/users/a%2Fb"],
	["a", "other", "/runs/r/users/a?beside=other"],
	["..", "other", "/runs/r/users?user=..&beside=other"],
])("the interests of %p by a run, beside %p, are at %p", (user, beside, path) => {
	expect(runUserPath("r", user, beside)).toBe(path);
});

it("leads to a leaderboard, under the protocol used last unless one is named", () => {
	expect(leaderboardPath("d")).toBe("/leaderboard?dataset=d");
	expect(leaderboardPath("d", "h")).toBe("/leaderboard?dataset=d&protocol=h");
});
