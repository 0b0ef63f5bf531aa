import { Anchor, Badge, Button, Code, Group, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Deployment } from "@valence/client";
import { Link } from "react-router";
import { api } from "../api";
import { leftOutSentence } from "../deploying";
import { when } from "../format";
import { keys } from "../queries";
import { Capabilities } from "./capabilities";
import { ConfirmButton } from "./confirm-button";
import { DataTable } from "./data-table";
import { DeployButton } from "./deploy-button";
import { Panel } from "./facts";
import { FallbackSwitch } from "./fallback-switch";
import { ProblemAlert } from "./feedback";
import { HiddenItems } from "./hidden-items";
import { ServingPanel } from "./serving-panel";
import { SwitchForm } from "./switch-form";

/** What a name serves, how to ask for it, and what it served before. */
export function DeploymentPanel({ deployment }: { deployment: Deployment }) {
	const { name, checkpoint, deployedAt, capabilities, history } = deployment;
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
					of {checkpoint.experiment.name}, on {checkpoint.dataset.name}, since {when(deployedAt)}
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
				<FallbackSwitch deployment={deployment} />
				<HiddenItems deployment={deployment} />
				<SwitchForm name={name} serving={checkpoint.id} />
				<ProblemAlert error={discard.error} />
				<DataTable
					label={`History of ${name}`}
					rows={history}
					keyOf={(entry) => `${entry.deployedAt} ${entry.runId}`}
					pageSize={10}
					columns={[
						{ title: "Since", lead: true, cell: (entry) => when(entry.deployedAt) },
						{
							title: "Until",
							cell: ({ until, removed }) => (until ? `${when(until)}${removed ? ", deployment deleted" : ""}` : "now"),
						},
						{
							title: "Model",
							cell: (entry) => (
								<>
									{entry.checkpointId === null ? (
										entry.model
									) : (
										<Anchor component={Link} to={`/runs/${entry.runId}`} size="sm" underline="always">
											{entry.model}
										</Anchor>
									)}
									, epoch {entry.epoch}
								</>
							),
						},
						{ title: "Experiment", cell: (entry) => `${entry.experiment}, on ${entry.dataset}` },
						{
							title: "Checkpoint",
							cell: (entry) => (entry.checkpointId === null ? "deleted" : <Code>{entry.checkpointId}</Code>),
						},
						{
							title: "Roll back",
							bare: true,
							numeric: true,
							cell: ({ checkpointId, until, model, epoch, experiment, dataset }) =>
								until === null ? (
									<Badge color="teal" variant="dot" tt="none" fw={500}>
										serving
									</Badge>
								) : (
									checkpointId !== null &&
									checkpointId !== checkpoint.id && (
										<DeployButton
											size="compact-xs"
											variant="default"
											stays
											label="Serve this again"
											name={name}
											checkpoint={{
												id: checkpointId,
												model,
												epoch,
												experiment: { name: experiment },
												dataset: { name: dataset },
											}}
										/>
									)
								),
						},
					]}
				/>
			</Stack>
		</Panel>
	);
}
