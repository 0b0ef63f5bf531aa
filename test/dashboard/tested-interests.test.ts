import type { LeaderboardGroup, Model, RunDetail, TestedInterests, TestedTopItem } from "@valence/client";
import { besideOf, foundSentence, groupsOf, showsInterests } from "../../services/dashboard/src/tested-interests";

const item = (id: string, interestShares: number[]) => ({
	...{ id, title: null, tags: [], interestShares },
	interest: interestShares.indexOf(Math.max(...interestShares)),
});
const top = (id: string, heldBack: "valid" | "test" | null): TestedTopItem => ({
	...{ id, title: null, tags: [], score: 1, interestShares: [1, 0], heldBack },
});
const interest = (index: number, label: string, topItems: TestedTopItem[]) => ({
	...{ index, label, weight: 0.5, topItems },
});
const asked = (...parts: ("valid" | "test")[]): TestedInterests["heldBack"] =>
	parts.map((part, place) => ({ id: `t${place}`, title: null, tags: [], part }));

it("puts each item of the history where most of it belongs, the most first", () => {
	const history = [item("a", [0.6, 0.4]), item("b", [0.9, 0.1]), item("c", [0.5, 0.5]), item("d", [0, 1])];
	const groups = groupsOf({ interests: [interest(0, "same", []), interest(1, "same", [])], history });
	expect(groups.map(({ name, history }) => [name, history.map(({ id }) => id)])).toEqual([
		["1 · same", ["b", "a", "c"]],
		["2 · same", ["d"]],
	]);
});

it.each([
	[[], "The test asks for nothing of this user."],
	[asked("valid"), "The test asks for nothing of this user."],
	[asked("test"), "Of 1 item that the test asks for 1 is among the top items."],
	[asked("test", "test", "test"), "Of 3 items that the test asks for 2 are among the top items."],
])("counts what the test asks for, once each: %j", (heldBack, sentence) => {
	const of = (id: string) => top(id, heldBack.find((one) => one.id === id)?.part ?? null);
	const interests = [interest(0, "one", [of("t0"), of("t1")]), interest(1, "two", [of("t0"), of("other")])];
	expect(foundSentence({ interests, heldBack })).toBe(sentence);
});

it("shows interests of what was tested and is still there: of no pruned trial, and no refit", () => {
	const checkpoints = [{ id: "c" }] as RunDetail["checkpoints"];
	const run = { stopReason: "patience", vouchedBy: null, checkpoints };
	expect(showsInterests(run)).toBe(true);
	expect(showsInterests({ ...run, stopReason: "pruned" })).toBe(false);
	expect(showsInterests({ ...run, vouchedBy: "another run" })).toBe(false);
	expect(showsInterests({ ...run, checkpoints: [] })).toBe(false);
});

it("says where the test ranked by a linear path as well", () => {
	const interests = [interest(0, "one", [{ ...top("t0", "test"), linearShare: 0 }])];
	expect(foundSentence({ interests, heldBack: asked("test") })).toMatch(
		/^Of 1 item .* among the top items\. .* The test ranked by the model's linear path as well/,
	);
	expect(foundSentence({ interests, heldBack: [] })).toBe("The test asks for nothing of this user.");
});

it("offers other runs of models that tell interests apart", () => {
	const group = (model: string, label: string, ...ids: string[]) =>
		({ model, label, runs: ids.map((id, seed) => ({ id, seed })) }) as LeaderboardGroup;
	const models = [
		{ name: "valid", capabilities: ["interests"] },
		{ name: "ease", capabilities: ["fold_in"] },
	] as Model[];
	const groups = [group("valid", "k=2", "here", "there"), group("ease", "", "plain"), group("gone", "", "x")];
	expect(besideOf(groups, models, "here")).toEqual([{ value: "there", label: "valid, k=2, seed 1" }]);
});
