import { Anchor, Group, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Search } from "@valence/client";
import { Link, useNavigate } from "react-router";
import { api } from "../api";
import { brief, metric } from "../format";
import { keys } from "../queries";
import { ConfirmButton } from "./confirm-button";
import { Facts, Panel } from "./facts";
import { ProblemAlert } from "./feedback";

const LABEL = "Train the winner with three fresh seeds, and refit it";

/** The best configuration of a search, and what proves it: seeds that the search did not choose by. */
export function Winner({ search, title }: { search: Search; title: string }) {
	const { best, isOver, confirmedBy } = search;
	return (
		<Panel title={isOver ? "Best configuration" : "Best configuration so far"}>
			{best === null ? (
				<Text size="sm" c="dimmed">
					{isOver ? "No trial is complete, so none is best." : "No trial is complete yet."}
				</Text>
			) : (
				<Facts
					rows={[
						[
							"Trial",
							<Anchor key="trial" component={Link} to={`/runs/${best.runId}`} size="sm" underline="always">
								{best.number}
							</Anchor>,
						],
						[title, metric(best.value)],
						...Object.entries(best.chosen).map(([field, value]): [string, string] => [field, brief(value)]),
					]}
				/>
			)}
			{confirmedBy ? (
				<Text size="sm" mt="sm">
					Its fresh seeds:{" "}
					<Anchor component={Link} to={`/experiments/${confirmedBy.id}`} size="sm" underline="always">
						{confirmedBy.name}
					</Anchor>
				</Text>
			) : (
				isOver && best !== null && <Confirm search={search} />
			)}
			{!isOver && (
				<Text size="xs" c="dimmed" mt="sm">
					Once the search is over, its winner can be trained with fresh seeds.
				</Text>
			)}
		</Panel>
	);
}

function Confirm({ search: { id, experimentId, trials } }: { search: Search }) {
	const client = useQueryClient();
	const navigate = useNavigate();
	const confirm = useMutation({
		mutationFn: () => api.post("/searches/{id}/confirm", { path: { id }, body: {} }),
		onSuccess: async ({ experiment }) => {
			navigate(`/experiments/${experiment.id}`);
			await client.invalidateQueries({ queryKey: ["searches", id] });
			await client.invalidateQueries({ queryKey: keys.experiment(experimentId) });
		},
	});
	return (
		<>
			<Text size="xs" c="dimmed" my="sm">
				The best of {trials} trials has had luck, too: seeds that did not choose it say how good it is.
			</Text>
			<Group>
				<ConfirmButton
					size="xs"
					className="wraps"
					label={LABEL}
					question="Train the winner with three fresh seeds?"
					consequence="It makes an experiment of its configuration, a run a seed (one where it is solved at once), and trains it once more on all interactions, to deploy."
					confirmColor="indigo"
					loading={confirm.isPending}
					onConfirm={() => confirm.mutate()}
				/>
			</Group>
			<ProblemAlert error={confirm.error} />
		</>
	);
}
