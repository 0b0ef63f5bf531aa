import { sortRows } from "../../services/dashboard/src/sorting";

const rows = [
	{ name: "b", value: 2 },
	{ name: "c", value: null },
	{ name: "a", value: 10 },
	{ name: "d", value: 2 },
];
const names = (sorted: typeof rows) => sorted.map(({ name }) => name).join("");

it("sorts numbers as numbers, keeps equals in order, and puts what is missing last either way", () => {
	expect(names(sortRows(rows, ({ value }) => value, false))).toBe("bdac");
	expect(names(sortRows(rows, ({ value }) => value, true))).toBe("abdc");
	expect(names(sortRows(rows, ({ name }) => name, false))).toBe("abcd");
	expect(names(rows)).toBe("bcad");
});
