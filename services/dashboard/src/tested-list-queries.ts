// One hook per query to a user's lists as a test saw them, from the checkpoints that were tested.
import { useQuery } from "@tanstack/react-query";
import type { Checkpoint, Interaction } from "@valence/client";
import { api } from "./api";
import { checkpointsQuery } from "./queries";
import { depthOf, maskedOf } from "./tested-lists";

const PAGE = 200;

/** The checkpoint that a run was tested with; null where it is gone. */
export const useTestedCheckpoint = (run: string) =>
	useQuery({
		...checkpointsQuery(run),
		select: ({ items }): Checkpoint | null => items.find(({ isBest }) => isBest) ?? null,
	});

/** Everything that the dataset holds of a user; none is asked for without a checkpoint. */
export const useWholeHistory = (user: string, checkpoint: string | undefined) =>
	useQuery({
		queryKey: ["whole history", user, checkpoint],
		queryFn: async () => {
			const items: Interaction[] = [];
			const query = { checkpoint: checkpoint ?? "", limit: PAGE };
			for await (const one of api.each("/users/{id}/history", { path: { id: user }, query })) items.push(one);
			return items;
		},
		enabled: checkpoint !== undefined,
		staleTime: Number.POSITIVE_INFINITY,
	});

/** A user's history by interest and the top items of each, as the test of the run saw them. */
export const useTestedInterests = (run: string, user: string) =>
	useQuery({
		queryKey: ["tested interests", run, user],
		queryFn: () => api.get("/runs/{id}/users/{user}/interests", { path: { id: run, user } }),
		staleTime: Number.POSITIVE_INFINITY,
	});

/** The user's list of a checkpoint, as far as the metric looks; nobody gets it, so it is no outcome. */
export const useTestedList = (
	user: string,
	checkpoint: string,
	{ history, maskTest, metric }: { history: Interaction[]; maskTest: string; metric: string },
) =>
	useQuery({
		queryKey: ["tested list", user, checkpoint, maskTest, metric],
		queryFn: () =>
			api.post("/users/{id}/recommendations", {
				path: { id: user },
				body: {
					checkpoint,
					n: depthOf(metric),
					excludeSeen: false,
					exclude: maskedOf(history, maskTest),
					record: false,
				},
			}),
		staleTime: Number.POSITIVE_INFINITY,
	});
