import { LINEAR, type Recommendations, type RecommendedItem } from "@valence/client";
import { interestsOf, linearShareOf, nameAt, namesOf } from "../../services/dashboard/src/interests";

const named = (index: number, label: string) => ({ index, label, weight: 0.5, topItems: [], formedBy: [] });

it("names interests by their label, apart where labels are alike, and by number where there is none", () => {
	const names = namesOf([named(0, "jazz"), named(2, "chess"), named(1, "jazz"), named(3, "")]);
	expect(names).toEqual(["1 · jazz", "2 · jazz", "chess", "Interest 4"]);
	expect([nameAt(names, 2), nameAt(names, 4), nameAt([], 0)]).toEqual(["chess", "Interest 5", "Interest 1"]);
});

it("describes the interests of a guest by their shelves", () => {
	const ranked = (
		id: string,
		title: string | null,
		interestShares: number[],
		because: string[] = [],
	): RecommendedItem => ({
		id,
		title,
		score: 1,
		interestShares,
		because: because.map((reason) => ({ id: reason, title: null })),
	});
	const answer: Recommendations = {
		items: [ranked("a", "A", [0.75, 0.25]), ranked("b", null, [0.25, 0.75])],
		user: null,
		deployment: null,
		answeredBy: "live",
		recommendationId: null,
		checkpoint: { id: "c", runId: "r", model: "valid", epoch: 1 },
		interests: 2,
		shelves: [
			{
				interest: 0,
				label: "jazz",
				items: [ranked("a", "A", [], ["x", "y"]), ranked("b", null, [], ["y"]), ranked("d", "D", [], ["z", "y", "x"])],
			},
			{ interest: 1, label: "", items: [] },
		],
	};
	const [first, second] = interestsOf(answer);
	expect([first?.label, first?.weight, first?.formedBy.map(({ id }) => id)]).toEqual(["jazz", 0.5, ["y", "x", "z"]]);
	expect([second?.index, second?.label, second?.weight, second?.formedBy]).toEqual([1, "", 0.5, []]);
	expect(interestsOf({ ...answer, items: [], shelves: undefined })).toEqual([]);
	// What a linear path has of the scores, or an item that no model knows, is no interest's.
	const items = [ranked("a", "A", [0.3, 0.1]), ranked("b", null, [0.1, 0]), ranked("new", "New", [])];
	expect(interestsOf({ ...answer, items }).map(({ weight }) => weight)).toEqual([
		expect.closeTo(0.8, 12),
		expect.closeTo(0.2, 12),
	]);
});

it("tells how much of a list goes with the history, and nothing where the model has no such path", () => {
	expect(linearShareOf([{ linearShare: 0.5 }, { linearShare: 0 }, {}])).toBe(0.25);
	expect([linearShareOf([]), linearShareOf([{}])]).toEqual([null, null]);
	expect(nameAt(["jazz"], LINEAR)).toBe("Goes with what you have");
});
