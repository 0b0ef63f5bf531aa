// A user as the test of a run saw them: their history by interest, and what of the top items the test asks for.
import {
	foundOf,
	type GroupedItem,
	isPruned,
	type LeaderboardGroup,
	type Model,
	type RunDetail,
	type TestedInterests,
	type TestedTopItem,
} from "@valence/client";
import { namesOf } from "./interests";
import { placeName } from "./leaderboard";

/** Whether a run that has ended was tested, and has its checkpoint still: a refit has learnt what a test asks for, a pruned trial was not tested. */
export const showsInterests = (run: Pick<RunDetail, "stopReason" | "vouchedBy" | "checkpoints">): boolean =>
	!isPruned(run) && run.vouchedBy === null && run.checkpoints.length > 0;

export interface InterestGroup {
	index: number;
	name: string;
	/** Of the whole history. */
	weight: number;
	/** What belongs to it more than to any other, the most first. */
	history: GroupedItem[];
	topItems: TestedTopItem[];
}

/** In the order of the model, which means nothing from one model to another. */
export function groupsOf({ interests, history }: Pick<TestedInterests, "interests" | "history">): InterestGroup[] {
	const names = namesOf(interests);
	const shareOf = ({ interestShares }: GroupedItem, index: number) => interestShares[index] ?? 0;
	return interests.map(({ index, weight, topItems }) => ({
		index,
		name: names[index] ?? "",
		weight,
		history: history
			.filter(({ interest }) => interest === index)
			.sort((one, other) => shareOf(other, index) - shareOf(one, index)),
		topItems,
	}));
}

/** "Of 4 items that the test asks for 2 are among the top items.", and what else the test ranked by. */
export function foundSentence(answer: Pick<TestedInterests, "interests" | "heldBack">): string {
	const { wanted, found, hasLinear } = foundOf(answer);
	if (wanted === 0) return "The test asks for nothing of this user.";
	const noun = wanted === 1 ? "item" : "items";
	const sentence = `Of ${wanted} ${noun} that the test asks for ${found} ${found === 1 ? "is" : "are"} among the top items.`;
	return hasLinear ? `${sentence} ${BESIDE}` : sentence;
}
const BESIDE =
	"Top items are in the order of each interest alone. The test ranked by the model's linear path as well (gray in the bars), so its list may differ.";

/** Other runs of the dataset under the same protocol whose models tell interests apart, as options by their ids. */
export function besideOf(groups: LeaderboardGroup[], models: Model[], run: string): { value: string; label: string }[] {
	const able = new Set(models.filter(({ capabilities }) => capabilities.includes("interests")).map(({ name }) => name));
	return groups
		.filter(({ model }) => able.has(model))
		.flatMap((group) =>
			group.runs
				.filter(({ id }) => id !== run)
				.map(({ id, seed }) => ({ value: id, label: `${placeName(group)}, seed ${seed}` })),
		);
}
