import { erasureSentence, freshSentence, partTitle } from "../../services/dashboard/src/feed-words";

it("marks what came since the snapshot, or lies in a feed that the dataset is none of", () => {
	expect(partTitle("train", { feed: "shop" }, true)).toBe("learnt from");
	expect(partTitle("live", { feed: "shop" }, true)).toBe("live, since the snapshot");
	expect(partTitle("live", { feed: "shop" }, false)).toBe("live, in shop");
});

it("counts the new items of an answer, or says why there is none", () => {
	expect(freshSentence(undefined)).toBeNull();
	expect(freshSentence({ mixed: 1 })).toBe("1 new item");
	expect(freshSentence({ mixed: 3 })).toBe("3 new items");
	expect(freshSentence({ mixed: 0 })).toBe("New items: none has room in the list");
	expect(freshSentence({ mixed: 0, none: "no_room" })).toBe("New items: none has room in the list");
	expect(freshSentence({ mixed: 0, none: "no_items" })).toContain("no new item has a tag");
});

it("names the snapshots that would still hold who is erased", () => {
	expect(erasureSentence([])).toContain("No snapshot of it is there. This cannot be undone.");
	expect(erasureSentence([{ name: "May" }])).toContain(
		"Its snapshot May holds whoever was in the feed then, until it is",
	);
	const four = ["a", "b", "c", "d"].map((name) => ({ name }));
	expect(erasureSentence(four)).toContain(
		"Its 4 snapshots (a, b, c, …) hold whoever was in the feed then, until they are",
	);
});
