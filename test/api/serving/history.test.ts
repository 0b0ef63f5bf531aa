// One list of what the dataset and the feed know of a person: page by page it is the list as a whole, newest first.
import fc from "fast-check";
import type { Row } from "../../../services/api/src/feeds/people.js";
import { apart, beginningOf, pageOf } from "../../../services/api/src/serving/history.js";

type Own = { id: string; atMs?: number | undefined };
const at = fc.integer({ min: 0, max: 6 });
const own = fc
	.array(fc.option(at, { nil: undefined }), { maxLength: 12 })
	.map((times) =>
		times
			.toSorted((a, b) => (b ?? -1) - (a ?? -1))
			.map((atMs, nth): Own => ({ id: String(nth), ...(atMs !== undefined && { atMs }) })),
	);
const rows = fc
	.array(at, { maxLength: 12 })
	.map((times) =>
		times
			.map((one, seq): Row => ({ item: "a", at: one, seq: seq + 1 }))
			.toSorted((a, b) => a.at - b.at || a.seq - b.seq),
	);

function all(dataset: Own[], feed: Row[], limit: number) {
	const found: ReturnType<typeof pageOf<Own>>["shown"] = [];
	let cursor: string | undefined;
	do {
		const begin = beginningOf(cursor);
		const { start } = begin;
		const page = pageOf(begin, limit, { own: dataset.slice(start, start + limit), total: dataset.length }, feed);
		expect(page.shown.length).toBeLessThanOrEqual(limit);
		found.push(...page.shown);
		cursor = page.next ?? undefined;
	} while (cursor !== undefined);
	return found;
}

test("pages of every length hold each row once, newest first, what has no time last", () => {
	fc.assert(
		fc.property(own, rows, fc.integer({ min: 1, max: 5 }), (dataset, feed, limit) => {
			const whole = all(dataset, feed, 100);
			expect(all(dataset, feed, limit)).toEqual(whole);
			expect(whole).toHaveLength(dataset.length + feed.length);
			const times = whole.map((one) => ("live" in one ? one.live.at : (one.own.atMs ?? -1)));
			expect(times).toEqual(times.toSorted((a, b) => b - a));
		}),
	);
});

test("a row that comes between two pages is of neither, unless it is older than the first", () => {
	const dataset = [{ id: "0", atMs: 5 }, { id: "1", atMs: 3 }, { id: "2" }];
	const first = pageOf(beginningOf(undefined), 1, { own: dataset.slice(0, 1), total: 3 }, []);
	const next = (row: Row) => {
		const begin = beginningOf(first.next ?? undefined);
		return pageOf(begin, 1, { own: dataset.slice(1, 2), total: 3 }, [row]).shown[0];
	};
	expect(next({ item: "a", at: 5, seq: 9 })).toEqual({ own: dataset[1] });
	expect(next({ item: "a", at: 4, seq: 9 })).toEqual({ live: { item: "a", at: 4, seq: 9 } });
});

test("what the feed holds too is told from what it holds alone, in questions of some thousand rows", async () => {
	const asked: number[] = [];
	// The dataset has every third, at its time.
	const held = async (some: { id: string; atMs: number }[]) => {
		asked.push(some.length);
		return some.flatMap(({ id, atMs }, place) => (atMs % 3 === 0 && id === `i${atMs}` ? [place] : []));
	};
	const row = (item: string, at: number): Row => ({ item, at, seq: 1 });
	const rows = [row("other", 0), ...Array.from({ length: 9_000 }, (_, at) => row(`i${at}`, at))];
	const live = await apart(rows, held);
	expect(asked).toEqual([4_000, 4_000, 1_001]);
	expect(live.rows).toEqual(rows.filter(({ item, at }) => item === "other" || at % 3 !== 0));
	const told = [{ id: "i8997", atMs: 8_997 }, { id: "i8997", atMs: 3 }, { id: "i1", atMs: 1 }, { id: "i3" }];
	expect(told.map(live.isLive)).toEqual([true, false, false, false]);

	const none = await apart([], held);
	expect([none.rows, none.isLive({ id: "i3", atMs: 3 }), asked.length]).toEqual([[], false, 3]);
});
