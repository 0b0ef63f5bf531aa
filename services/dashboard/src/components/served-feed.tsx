import { Anchor, Group, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Deployment } from "@valence/client";
import { Link } from "react-router";
import { api } from "../api";
import { useFeeds } from "../feed-queries";
import { feedPath } from "../links";
import { keys } from "../queries";
import { FeedSelect } from "./feed-choice";
import { ProblemAlert } from "./feedback";

/** The feed whose rows join people's histories; another one, or none, needs no other checkpoint. */
export function ServedFeed({ deployment: { name, feed } }: { deployment: Deployment }) {
	const client = useQueryClient();
	const feeds = useFeeds().data?.map((one) => one.name) ?? [];
	const set = useMutation({
		mutationFn: (next: string | null) => api.put("/deployments/{name}/feed", { path: { name }, body: { feed: next } }),
		onSettled: async () => {
			await client.invalidateQueries({ queryKey: keys.deployments });
			await client.invalidateQueries({ queryKey: keys.users });
		},
	});
	return (
		<>
			<Group align="end" gap="xs">
				<FeedSelect
					label="Today's history"
					feeds={feed === null || feeds.includes(feed) ? feeds : [feed, ...feeds]}
					value={set.isPending ? set.variables : feed}
					disabled={set.isPending}
					onChange={(next) => set.mutate(next)}
				/>
				<Text size="xs" c="dimmed" flex="1 1 260px">
					{feed === null ? (
						feeds.length === 0 ? (
							<>
								Everybody is answered by the dataset. With{" "}
								<Anchor component={Link} to="/feeds" size="xs" underline="always">
									a feed
								</Anchor>{" "}
								what people do is in their next answer.
							</>
						) : (
							"Everybody is answered by the dataset. With a feed what people do is in their next answer."
						)
					) : (
						<>
							What people do in{" "}
							<Anchor component={Link} to={feedPath(feed)} size="xs" underline="always" className="breaks">
								{feed}
							</Anchor>{" "}
							is in their next answer.
						</>
					)}
				</Text>
			</Group>
			<ProblemAlert error={set.error} />
		</>
	);
}
