import type { Model } from "@valence/client";
import { familiesOf, matches } from "../../services/dashboard/src/families";

const model = (name: string, family: string, capabilities: string[] = []) =>
	({ name, title: name.toUpperCase(), family, capabilities, summary: "popular" }) as unknown as Model;
const catalogue = [model("slim", "linear"), model("bpr", "factorisation"), model("ease", "linear", ["fold_in"])];

it("orders families by name and their models by title", () => {
	expect(familiesOf(catalogue).map(({ name, models }) => [name, models.map((one) => one.name)])).toEqual([
		["factorisation", ["bpr"]],
		["linear", ["ease", "slim"]],
	]);
});

it.each([
	["", ["slim", "bpr", "ease"]],
	["LINEAR", ["slim", "ease"]],
	["linear fold-in", ["ease"]],
	["ea ", ["slim", "ease"]],
	["popular", []],
])("finds by every word of %j in name, family and capabilities", (search, names) => {
	expect(catalogue.filter((one) => matches(one, search)).map(({ name }) => name)).toEqual(names);
});
