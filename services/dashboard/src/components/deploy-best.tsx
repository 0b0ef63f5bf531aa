import { Button, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ExperimentDetail } from "@valence/client";
import { Link } from "react-router";
import { runToDeploy, toServe } from "../deploying";
import { checkpointsQuery, isOpen } from "../queries";
import { useDeployments } from "../serving-queries";
import { DeployButton, ServedNow } from "./deploy-button";
import { useFeedChoice } from "./feed-choice";
import { RefitFirst } from "./refit-first";

const NAME = "default";

/** The shortest way from an experiment to recommendations: its best run, served as everybody asks for it. */
export function DeployBest({ experiment }: { experiment: ExperimentDetail }) {
	const forward = isOpen(experiment.state) ? null : runToDeploy(experiment);
	const checkpoints = useQuery({ ...checkpointsQuery(forward?.run.id ?? ""), enabled: forward !== null });
	const deployments = useDeployments();
	const { feed, field } = useFeedChoice(NAME, experiment.dataset.id);
	if (!forward || !checkpoints.data) return null;
	const { run, isBest } = forward;
	const checkpoint = toServe(checkpoints.data);
	if (!checkpoint) {
		return (
			<Text size="xs" c="dimmed">
				The checkpoints of the best run have been removed.
			</Text>
		);
	}
	if (deployments.data?.some((one) => one.name === NAME && one.checkpoint.id === checkpoint.id)) {
		return (
			<Button size="xs" variant="default" component={Link} to={`/users?deployment=${NAME}`}>
				Served as {NAME}: see what users get
			</Button>
		);
	}
	return (
		<>
			<ServedNow name={NAME} />
			<Group align="end" gap="xs">
				{field}
				{run.state === "SUCCEEDED" && <RefitFirst run={run} checkpoint={checkpoint} name={NAME} feed={feed} />}
				<DeployButton
					size="xs"
					variant="default"
					name={NAME}
					checkpoint={checkpoint}
					feed={feed}
					label={isBest ? "Deploy the best run" : "Deploy its run"}
				/>
			</Group>
		</>
	);
}
