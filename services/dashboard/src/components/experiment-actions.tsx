import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ExperimentDetail, Run } from "@valence/client";
import { Link, useNavigate } from "react-router";
import { api } from "../api";
import { comparisonAsked, groupsAsked, MOST_GROUPS, tooManyPairs } from "../comparison-asked";
import { leaderboardPath } from "../links";
import { isOpen, keys, useMetricDefinitions } from "../queries";
import { CancelButton } from "./cancel-button";
import { ConfirmButton } from "./confirm-button";
import { DeployBest } from "./deploy-best";
import { ProblemAlert } from "./feedback";
import { TestDifferences } from "./test-differences";

/** Compare what is drawn, test what is in, cancel what is open, delete what is over. */
export function ExperimentActions({ experiment, drawn }: { experiment: ExperimentDetail; drawn: Run[] }) {
	const { id, name, state, dataset, protocol } = experiment;
	const known = useMetricDefinitions();
	const testable = isOpen(state) ? [] : groupsAsked(experiment, known);
	const client = useQueryClient();
	const navigate = useNavigate();
	const discard = useMutation({
		mutationFn: () => api.delete("/experiments/{id}", { path: { id } }),
		onSuccess: async () => {
			navigate("/experiments");
			await client.invalidateQueries({ queryKey: [...keys.experiments, "list"] });
		},
	});
	return (
		<>
			<DeployBest experiment={experiment} />
			{drawn.length > 1 && (
				<Button
					size="xs"
					variant="default"
					component={Link}
					to={`/compare?runs=${drawn.map((run) => run.id).join(",")}`}
				>
					Compare {drawn.length} runs
				</Button>
			)}
			{testable.length > 1 && testable.length <= MOST_GROUPS && (
				<TestDifferences
					variant="default"
					asked={comparisonAsked(testable)}
					refusal={tooManyPairs(testable.length, protocol, known)}
					way="Choose one to compare with on the leaderboard."
				/>
			)}
			{!isOpen(state) && (
				<Button size="xs" variant="default" component={Link} to={leaderboardPath(dataset.id, protocol.hash)}>
					Leaderboard
				</Button>
			)}
			{isOpen(state) ? (
				<CancelButton
					cancel={() => api.post("/experiments/{id}/cancel", { path: { id } })}
					shownBy={keys.experiments}
				/>
			) : (
				<ConfirmButton
					size="xs"
					color="red"
					variant="subtle"
					label="Delete"
					question={`Delete ${name} with its runs and checkpoints?`}
					loading={discard.isPending}
					onConfirm={() => discard.mutate()}
				/>
			)}
			<ProblemAlert error={discard.error} />
		</>
	);
}
