import { keepSentence, requestOf, runsProblem, textsOf } from "../../services/dashboard/src/keep";

it.each(["", "1", "25", "1000"])("takes what the service takes: %j", (text) => {
	expect(runsProblem(text)).toBeNull();
});

it.each(["0", "1001", "2.5", "-1", "two", "1e2"])("refuses %j", (text) => {
	expect(runsProblem(text)).not.toBeNull();
});

it("goes to texts and back", () => {
	expect(requestOf(textsOf({ checkpoints: "best+last", runs: null }))).toEqual({ checkpoints: "best+last" });
	expect(requestOf(textsOf({ checkpoints: "best", runs: 3 }))).toEqual({ checkpoints: "best", runs: 3 });
});

it("says in words what stays", () => {
	expect(keepSentence({ checkpoints: "best+last", runs: null })).toBe("the best and the last of every run");
	expect(keepSentence({ checkpoints: "best", runs: 1 })).toBe("only the best of the best run");
	expect(keepSentence({ checkpoints: "best", runs: 3 })).toBe("only the best of the 3 best runs");
});
