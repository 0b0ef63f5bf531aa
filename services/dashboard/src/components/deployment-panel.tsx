import { Anchor, Button, Code, Group, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Deployment } from "@valence/client";
import { Link } from "react-router";
import { api } from "../api";
import { leftOutSentence, onDataset } from "../deploying";
import { when } from "../format";
import { keys } from "../queries";
import { Capabilities } from "./capabilities";
import { ConfirmButton } from "./confirm-button";
import { Panel } from "./facts";
import { FallbackSwitch } from "./fallback-switch";
import { ProblemAlert } from "./feedback";
import { HiddenItems } from "./hidden-items";
import { OutcomesPanel } from "./outcomes-panel";
import { RefreshSection } from "./refresh-section";
import { ServedFeed } from "./served-feed";
import { ServedHistory } from "./served-history";
import { ServingPanel } from "./serving-panel";
import { SwitchForm } from "./switch-form";

/** What a name serves, how to ask for it, and what it served before. */
export function DeploymentPanel({ deployment }: { deployment: Deployment }) {
	const { name, checkpoint, deployedAt, capabilities } = deployment;
	const client = useQueryClient();
	const discard = useMutation({
		mutationFn: () => api.delete("/deployments/{name}", { path: { name } }),
		onSettled: () => client.invalidateQueries({ queryKey: keys.deployments }),
	});
	const leftOut = leftOutSentence(deployment.leavesOut);
	const serving = `${checkpoint.model}, epoch ${checkpoint.epoch}, of ${checkpoint.experiment.name}`;
	return (
		<Panel
			title={name}
			actions={
				<Group gap="xs">
					<Capabilities of={capabilities} />
					<Button component={Link} to={`/exports?deployment=${name}`} size="compact-xs" variant="subtle">
						Exports
					</Button>
					<ConfirmButton
						size="compact-xs"
						color="red"
						variant="subtle"
						label="Delete"
						question={`Delete the deployment ${name}?`}
						consequence={`${serving} stops being served: whoever asks ${name} is refused until something is deployed under this name again. The checkpoint and the history stay.`}
						loading={discard.isPending}
						onConfirm={() => discard.mutate()}
					/>
				</Group>
			}
		>
			<Stack gap="sm">
				<Text size="sm">
					Serves{" "}
					<Anchor component={Link} to={`/runs/${checkpoint.runId}`} size="sm" underline="always">
						{checkpoint.model}, epoch {checkpoint.epoch}
					</Anchor>{" "}
					of {onDataset(checkpoint.experiment.name, checkpoint.dataset.name)}, since {when(deployedAt)}
					{checkpoint.vouchedBy !== null && (
						<>
							; trained on all interactions,{" "}
							<Anchor component={Link} to={`/runs/${checkpoint.vouchedBy}`} size="sm" underline="always">
								vouched for by the run that was tested
							</Anchor>
						</>
					)}
				</Text>
				{leftOut !== null && (
					<Text size="sm" c="dimmed">
						{leftOut}
					</Text>
				)}
				<Code block fz="xs" className="code">
					curl '{window.location.origin}/users/USER/recommendations?n=10&deployment={name}'
				</Code>
				<ServingPanel deployment={name} />
				<OutcomesPanel deployment={name} />
				<ServedFeed deployment={deployment} />
				<FallbackSwitch deployment={deployment} />
				<HiddenItems deployment={deployment} />
				<SwitchForm name={name} serving={checkpoint.id} />
				<ProblemAlert error={discard.error} />
				<RefreshSection deployment={deployment} />
				<Title order={3} size="h5">
					History
				</Title>
				<ServedHistory deployment={deployment} />
			</Stack>
		</Panel>
	);
}
