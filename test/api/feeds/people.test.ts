// Who has moved, in memory: compared with a memory without bounds that is written down in a few lines.
import fc from "fast-check";
import { MOST_OF_PERSON, People, type Row } from "../../../services/api/src/feeds/people.js";

const row = fc.record({ item: fc.constantFrom("a", "b", "c"), at: fc.integer({ min: 0, max: 5 }) });
const step = fc.record({
	user: fc.constantFrom("u", "v", "w", "x"),
	rows: fc.array(row, { minLength: 1, maxLength: 4 }),
	isErased: fc.boolean(),
});
const byTime = (rows: Row[]) => rows.toSorted((a, b) => a.at - b.at || a.seq - b.seq);

test("whoever is in memory is there with every row, and with room for all nobody is missing", () => {
	let lost = 0;
	fc.assert(
		fc.property(fc.array(step, { maxLength: 30 }), fc.integer({ min: 0, max: 40 }), (steps, room) => {
			const all = new Map<string, Row[]>();
			const people = new People(0, room);
			let seq = 0;
			for (const { user, rows, isErased } of steps) {
				if (isErased) {
					all.delete(user);
					people.set(user, []);
				} else {
					const added = rows.map((one) => ({ ...one, seq: ++seq }));
					all.set(user, [...(all.get(user) ?? []), ...added]);
					// What is told twice counts once.
					if (people.add(user, structuredClone(added))) people.add(user, structuredClone(added));
					else people.set(user, structuredClone(all.get(user) ?? []));
				}
				let size = 0;
				for (const one of ["u", "v", "w", "x"]) {
					const found = people.get(one);
					size += found?.length ?? 0;
					if (found || people.isWhole) expect(found ?? []).toEqual(byTime(all.get(one) ?? []));
				}
				expect(people.size).toBe(size);
				expect(size).toBeLessThanOrEqual(room);
			}
			if (!people.isWhole) lost++;
		}),
	);
	expect(lost).toBeGreaterThan(10);
});

test("of one person the newest by time stay", () => {
	const people = new People(0, 1_000_000);
	const rows = Array.from({ length: MOST_OF_PERSON + 5 }, (_, seq) => ({ item: "a", at: -seq, seq }));
	people.set("u", rows);
	expect(people.get("u")?.map(({ seq }) => seq)).toEqual(
		Array.from({ length: MOST_OF_PERSON }, (_, place) => MOST_OF_PERSON - 1 - place),
	);
});

test("people by the beginning of the id, those who moved last where there are more", () => {
	const people = new People(0, 100);
	for (const [index, user] of ["a1", "b1", "a2", "a3", "a1"].entries())
		people.add(user, [{ item: "i", at: 0, seq: index + 1 }]);
	expect(people.withPrefix("a", 9).toSorted()).toEqual(["a1", "a2", "a3"]);
	expect(people.withPrefix("a", 2).toSorted()).toEqual(["a1", "a3"]);
	expect([people.withPrefix("", 9).length, people.withPrefix("c", 9)]).toEqual([4, []]);
	expect([people.hasMoved("b1", 1), people.hasMoved("b1", 2), people.hasMoved("c", 0)]).toEqual([true, false, false]);
});
