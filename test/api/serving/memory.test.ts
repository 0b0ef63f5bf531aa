// What is held in memory to answer people: ids in one block, lists in a few arrays, traffic in windows.
import fc from "fast-check";
import { matchInterests } from "../../../services/api/src/plugins/steering.js";
import { IdTable } from "../../../services/api/src/serving/id-table.js";
import { labelOf } from "../../../services/api/src/serving/label.js";
import { ListTable } from "../../../services/api/src/serving/list-table.js";
import type { List } from "../../../services/api/src/serving/packed-list.js";
import { Traffic } from "../../../services/api/src/serving/traffic.js";
import { Vocabulary } from "../../../services/api/src/serving/vocabulary.js";
import { WORLD } from "../../support/fake-recommender.js";

test("ids are found by position and back, whatever they are and in any order", () => {
	const id = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
	fc.assert(
		fc.property(fc.uniqueArray(id, { maxLength: 60 }), id, fc.boolean(), (given, other, isSorted) => {
			const ids = isSorted ? given.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))) : given;
			const table = IdTable.of(ids);
			expect(table.length).toBe(ids.length);
			for (const [position, one] of ids.entries()) {
				expect(table.id(position)).toBe(one);
				expect(table.indexOf(one)).toBe(position);
			}
			expect(table.indexOf(other)).toBe(ids.indexOf(other));
			const prefix = other.slice(0, 1).toWellFormed();
			const [from, to] = table.withPrefix(prefix);
			const found = Array.from({ length: to - from }, (_, index) => table.id(table.at(from + index)));
			const bytes = Buffer.from(prefix);
			const expected = ids.filter((one) => Buffer.from(one).subarray(0, bytes.length).equals(bytes));
			expect(found.toSorted()).toEqual(expected.toSorted());
		}),
	);
});

/** A list that says whose it is. */
const listOf = (user: number, count: number, interests: number, hasLinear = false): List => ({
	items: Uint32Array.from({ length: count }, (_, place) => user * 100 + place),
	scores: Float32Array.from({ length: count }, (_, place) => user - place),
	shares: new Float32Array(count * interests).fill(user),
	because: new Uint32Array(count * 3).fill(user),
	linear: new Float32Array(hasLinear ? count : 0).fill(user),
});

test("lists come back as they were put; the least recently used leaves first; memory stays in its bound", () => {
	const users = 40;
	fc.assert(
		fc.property(
			fc.integer({ min: 1, max: 12 }),
			fc.array(fc.tuple(fc.integer({ min: 0, max: users - 1 }), fc.boolean(), fc.integer({ min: 0, max: 10 })), {
				maxLength: 200,
			}),
			fc.boolean(),
			(room, steps, hasLinear) => {
				const bytesOfList = 10 * (8 + 8 + 12 + (hasLinear ? 4 : 0)) + 14;
				const budget = users * 4 + room * bytesOfList;
				const table = new ListTable(users, 10, 2, hasLinear, budget);
				expect(table.capacity).toBe(room);
				const model = new Map<number, number>(); // user → length, the least recently used first
				for (const [user, isPut, count] of steps) {
					if (isPut) {
						table.put(user, listOf(user, count, 2, hasLinear));
						if (!model.delete(user) && model.size === room) model.delete(model.keys().next().value as number);
						model.set(user, count);
					} else {
						const length = model.get(user);
						const found = table.get(user);
						expect(found === null).toBe(length === undefined);
						if (length === undefined) continue;
						expect(found).toEqual(listOf(user, length, 2, hasLinear));
						model.delete(user);
						model.set(user, length);
					}
					expect(table.size).toBe(model.size);
					expect(table.bytes).toBeLessThanOrEqual(budget);
				}
				for (let user = 0; user < users; user++) expect(table.has(user)).toBe(model.has(user));
			},
		),
	);
});

test("what was warmed leaves before what was asked, the last one first; a copy keeps what was used last", () => {
	const table = new ListTable(10, 10, 2, false, 40 + 4 * (10 * (8 + 8 + 12) + 14));
	for (const user of [1, 2, 3]) table.putOldest(user, listOf(user, 5, 2));
	table.put(4, listOf(4, 5, 2));
	expect(table.isFull).toBe(true);
	table.put(5, listOf(5, 5, 2));
	expect([1, 2, 3, 4, 5].filter((user) => table.has(user))).toEqual([1, 2, 4, 5]);
	const smaller = table.copiedTo(new ListTable(10, 10, 2, false, 40 + 2 * (10 * (8 + 8 + 12) + 14)));
	expect([1, 2, 3, 4, 5].filter((user) => smaller.has(user))).toEqual([4, 5]);
	expect(smaller.get(4)).toEqual(listOf(4, 5, 2));
});

test("a table without room keeps nothing", () => {
	const table = new ListTable(10, 200, 4, false, 100);
	table.put(1, listOf(1, 3, 4));
	expect([table.capacity, table.get(1), table.isFull]).toEqual([0, null, true]);
});

test("traffic: counts by tier, and quantiles within a tenth", () => {
	const traffic = new Traffic();
	const now = Date.UTC(2026, 0, 1, 12, 0, 5);
	for (let count = 1; count <= 100; count++) traffic.record(count <= 90 ? "list" : "live", count / 10, now);
	traffic.record("popular", 70_000_000, now + 10_000);
	const points = traffic.points(now + 10_000);
	expect(points).toHaveLength(90);
	expect(points.at(-2)).toMatchObject({ at: "2026-01-01T12:00:00.000Z", requests: 100, tiers: { list: 90, live: 10 } });
	expect(points.at(-2)?.p50).toBeGreaterThan(4.5);
	expect(points.at(-2)?.p50).toBeLessThan(5.5);
	expect(points.at(-2)?.p99).toBeGreaterThan(9);
	expect(points.at(-2)?.p99).toBeLessThan(11);
	expect(points.at(-1)?.tiers.popular).toBe(1);
	expect(points[0]).toMatchObject({ requests: 0, p50: null });
	expect(traffic.points(now + 3_600_000).every(({ requests }) => requests === 0)).toBe(true);
});

test("an interest is named by the tags that tell it from the rest, else by its first items", async () => {
	async function* messages() {
		const items = Array.from({ length: 8 }, (_, column) => ({
			id: `i${column}`,
			title: `T${column}`,
			popularity: 1,
			tags: column < 3 ? [0, 1] : [0],
		}));
		const size = { items: 8, users: 0, interests: 2, datasetKey: "", tags: WORLD.tags };
		yield { size, items, users: [], lateUsers: [] };
	}
	const vocabulary = await Vocabulary.read(messages());
	const of = (...columns: number[]) => columns.map((column) => ({ id: `i${column}`, title: `T${column}` }));
	expect(labelOf(vocabulary, of(0, 1, 5))).toBe("Round");
	expect(labelOf(vocabulary, of(5, 6, 7))).toBe("T5, T6");
});

test("what would mute every interest of a new checkpoint is dropped", () => {
	const kept = [
		{ interest: 0, weight: 0, items: ["a"] },
		{ interest: 1, weight: 0, items: ["b"] },
	];
	const found = matchInterests(kept, [
		{ id: "a", title: "", interestShares: [1, 0] },
		{ id: "b", title: "", interestShares: [0, 1] },
	]);
	expect(found.weights.every(({ weight }) => weight === 0) && found.weights.length === 2).toBe(false);
});
