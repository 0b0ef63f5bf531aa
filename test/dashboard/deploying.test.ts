import type { Deployment, Run } from "@valence/client";
import {
	feedToServe,
	isName,
	leftOutSentence,
	onDataset,
	replaced,
	runToDeploy,
	toServe,
	withFeed,
} from "../../services/dashboard/src/deploying";

const checkpoint = {
	id: "c1",
	model: "valid",
	epoch: 3,
	experiment: { id: "e1", name: "First" },
	dataset: { id: "d1", name: "films" },
};
const deployment = { name: "default", checkpoint, feed: null } as Deployment;

it("asks nothing where nothing is served, or another checkpoint of the same model and dataset", () => {
	expect(replaced(undefined, checkpoint)).toBeNull();
	expect(replaced(deployment, { ...checkpoint, epoch: 9, experiment: { name: "Second" } })).toBeNull();
});

it("asks before another model or dataset takes the place, and says what is served now and then", () => {
	const model = replaced(deployment, { ...checkpoint, model: "ease" });
	expect(model?.question).toBe("Replace what default serves with another model?");
	expect(model?.consequence).toContain("default serves valid, epoch 3, of First, on films now.");
	expect(model?.consequence).toContain("From then on it serves ease, epoch 3, of First, on films.");
	expect(model?.consequence).not.toContain("users and items");
	const data = replaced(deployment, { ...checkpoint, dataset: { id: "d2", name: "films" } });
	expect(data?.question).toBe("Replace what default serves with another dataset?");
	expect(data?.consequence).toContain("users and items");
	expect(replaced(deployment, { ...checkpoint, model: "ease", dataset: { id: "d2", name: "books" } })?.question).toBe(
		"Replace what default serves with another model and another dataset?",
	);
});

it("names the feed in the question, also the one that is left", () => {
	const other = { ...checkpoint, dataset: { id: "d2", name: "books" } };
	const served = { ...deployment, feed: "shop" };
	expect(replaced(served, other, "films")?.question).toMatch(/with another dataset, with the feed films\?$/);
	for (const said of ["shop", undefined]) {
		const kept = replaced(served, other, said);
		expect(kept?.question).toMatch(/with another dataset, and keep the feed shop\?$/);
		expect(kept?.consequence).toContain("What people do in shop still joins their histories");
	}
	expect(replaced(served, { ...checkpoint, model: "ease" })?.consequence).not.toContain("still joins");
	const left = replaced(served, other, null);
	expect(left?.question).toMatch(/with another dataset, without the feed shop\?$/);
	expect(left?.consequence).toContain(
		"on films, with the feed shop now. From then on it serves valid, epoch 3, of First, on books.",
	);
	expect(replaced(deployment, other, null)?.question).toMatch(/with another dataset\?$/);
});

it("says the dataset once where the experiment is called after it", () => {
	expect(onDataset("valid on films", "films")).toBe("valid on films");
	expect(onDataset("First", "films")).toBe("First, on films");
});

it("goes by the dataset's name where no more is known of what was served before", () => {
	expect(replaced(deployment, { ...checkpoint, dataset: { name: "films" } })).toBeNull();
	expect(replaced(deployment, { ...checkpoint, dataset: { name: "books" } })).not.toBeNull();
});

it("puts the best run forward, the first that succeeded where nobody could be measured, else none", () => {
	const runs: Run[] = [
		{ id: "r1", state: "FAILED" },
		{ id: "r2", state: "SUCCEEDED" },
		{ id: "r9", state: "SUCCEEDED" },
	] as never;
	expect(runToDeploy({ best: { runId: "r9", model: "valid", metric: "recall@20", value: 0.1 }, runs })).toEqual({
		run: runs[2],
		isBest: true,
	});
	expect(runToDeploy({ best: null, runs })).toEqual({ run: runs[1], isBest: false });
	expect(runToDeploy({ best: null, runs: [] })).toBeNull();
});

it("says what a checkpoint has not learnt from, and nothing where it has learnt from all or that is not known", () => {
	expect(leftOutSentence({ interactions: 1200, items: 1 })).toContain(
		"nothing of 1,200 interactions of validation and test, nor of 1 item that only they have",
	);
	expect(leftOutSentence({ interactions: 1, items: 0 })).toContain(
		"nothing of 1 interaction of validation and test. A",
	);
	expect([leftOutSentence({ interactions: 0, items: 0 }), leftOutSentence(null)]).toEqual([null, null]);
});

it("serves the best checkpoint of a run, or its last", () => {
	const [best, last, other] = [
		{ isBest: true, isLast: false },
		{ isBest: false, isLast: true },
		{ isBest: false, isLast: false },
	];
	expect(toServe([last, best])).toBe(best);
	expect(toServe([other, last])).toBe(last);
	expect(toServe([])).toBeUndefined();
});

it.each([
	["default", true],
	["a", true],
	["a-b", true],
	["", false],
	["A", false],
	["-a", false],
	["a-", false],
	["x".repeat(65), false],
])("takes %p for a name: %p", (name, expected) => expect(isName(name)).toBe(expected));

it("goes on with the feed that is served, else with the one the data is of, else with none", () => {
	const feeds = ["shop", "films"];
	const snapshotOf = (name: string) => ({ feed: { name } }) as never;
	const withFilms = { feed: "films" };
	for (const data of [snapshotOf("shop"), { feed: null }, undefined])
		expect(feedToServe(withFilms, data, feeds)).toBe("films");
	expect(feedToServe(deployment, snapshotOf("shop"), feeds)).toBe("shop");
	expect(feedToServe(deployment, { feed: null }, feeds)).toBeNull();
	expect(feedToServe(undefined, snapshotOf("shop"), feeds)).toBe("shop");
	expect(feedToServe(undefined, snapshotOf("deleted since"), feeds)).toBeNull();
	expect(feedToServe(undefined, undefined, feeds)).toBeNull();
	expect([withFeed({ feed: "shop" }), withFeed({ feed: null })]).toEqual([", with the feed shop", ""]);
});
