// What `npm run soak` says of its samples.
import { growthOf } from "../soak/growth.js";

const samples = (values: number[]) => values.map((value) => ({ "api, MiB": value, "open files": 40 }));
const flat = (values: number[]) => growthOf(samples(values)).find(({ name }) => name === "api, MiB")?.isFlat;

test("what grows is told from what goes up and down", () => {
	const upAndDown = Array.from({ length: 90 }, (_, index) => 250 + 20 * Math.sin(index));
	expect(flat(upAndDown)).toBe(true);
	expect(flat(upAndDown.map((value, index) => value + index))).toBe(false);
	expect(flat(upAndDown.map((value, index) => value - index))).toBe(true);
});
test("a single peak is no growth, and is told", () => {
	const values = Array.from({ length: 90 }, (_, index) => (index === 50 ? 900 : 250));
	expect(growthOf(samples(values))[0]).toEqual({ name: "api, MiB", first: 250, last: 250, most: 900, isFlat: true });
});
test("small things may grow by a few pieces", () => {
	expect(flat([5, 5, 5, 6, 6, 6, 12, 12, 12])).toBe(true);
	expect(flat([5, 5, 5, 6, 6, 6, 14, 14, 14])).toBe(false);
});
