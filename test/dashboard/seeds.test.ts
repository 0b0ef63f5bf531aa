import { allIn, seedsSentence } from "../../services/dashboard/src/seeds";

it.each([
	[3, 1, "1 of 3 seeds", false],
	[3, 3, "3 seeds", true],
	[1, 1, "1 seed", true],
	[1, 0, "0 of 1 seed", false],
] as const)("of %i seeds with %i in says %p", (of, seedsIn, sentence, isAll) => {
	const group = { seeds: Array.from({ length: of }, (_, seed) => seed), seedsIn };
	expect([seedsSentence(group), allIn(group)]).toEqual([sentence, isAll]);
});
