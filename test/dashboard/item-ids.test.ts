import { pastedIds } from "../../services/dashboard/src/item-ids";

it.each([
	["a\nb\r\n\n c ", ["a", "b", "c"]],
	["a, b,,c,a", ["a", "b", "c"]],
	['"a, b", c\n"say ""x"""', ["a, b", "c", 'say "x"']],
	['5" disc, b', ['5" disc', "b"]],
	["two words, b", ["two words", "b"]],
	["", []],
])("takes %p for %j", (text, ids) => {
	expect(pastedIds(text)).toEqual(ids);
});
