// How much of a mean is in.
import type { SeedGroup } from "@valence/client";

type Seeds = Pick<SeedGroup, "seeds" | "seedsIn">;

export const allIn = ({ seeds, seedsIn }: Seeds) => seedsIn === seeds.length;

/** "2 of 3 seeds" while some are missing, "3 seeds" once all are in. */
export function seedsSentence(group: Seeds): string {
	const of = group.seeds.length;
	const noun = of === 1 ? "seed" : "seeds";
	return allIn(group) ? `${of} ${noun}` : `${group.seedsIn} of ${of} ${noun}`;
}
