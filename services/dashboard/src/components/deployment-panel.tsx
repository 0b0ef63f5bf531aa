import { Anchor, Badge, Button, Code, Stack, Text } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";
import { put } from "../api";
import { when } from "../format";
import { keys } from "../queries";
import type { Deployment } from "../shapes";
import { Capabilities } from "./capabilities";
import { DataTable } from "./data-table";
import { Panel } from "./facts";
import { ProblemAlert } from "./feedback";
import { SwitchForm } from "./switch-form";

/** What a name serves, how to ask for it, and what it served before. */
export function DeploymentPanel({ deployment }: { deployment: Deployment }) {
	const { name, checkpoint, deployedAt, capabilities, history } = deployment;
	const client = useQueryClient();
	const swap = useMutation({
		mutationFn: (id: string) => put<Deployment>(`/deployments/${name}`, { checkpoint: id }),
		onSuccess: (now) =>
			notifications.show({
				message: `${name} serves ${now.checkpoint.model}, epoch ${now.checkpoint.epoch}`,
				color: "teal",
			}),
		onSettled: () => client.invalidateQueries({ queryKey: keys.deployments }),
	});
	return (
		<Panel title={name} actions={<Capabilities of={capabilities} />}>
			<Stack gap="sm">
				<Text size="sm">
					Serves{" "}
					<Anchor component={Link} to={`/runs/${checkpoint.runId}`} size="sm" underline="always">
						{checkpoint.model}, epoch {checkpoint.epoch}
					</Anchor>{" "}
					of {checkpoint.experiment.name}, on {checkpoint.dataset.name}, since {when(deployedAt)}
				</Text>
				<Code block fz="xs" className="code">
					curl '{window.location.origin}/users/USER/recommendations?n=10&deployment={name}'
				</Code>
				<SwitchForm serving={checkpoint.id} isPending={swap.isPending} onSwitch={(id) => swap.mutate(id)} />
				<ProblemAlert error={swap.error} />
				<DataTable
					label={`History of ${name}`}
					rows={history.map((entry, index) => ({ ...entry, isServing: index === 0 }))}
					keyOf={(entry) => `${entry.deployedAt} ${entry.checkpointId}`}
					pageSize={10}
					columns={[
						{ title: "Since", lead: true, cell: (entry) => when(entry.deployedAt) },
						{
							title: "Model",
							cell: (entry) => (
								<Anchor component={Link} to={`/runs/${entry.runId}`} size="sm">
									{entry.model}
								</Anchor>
							),
						},
						{ title: "Checkpoint", cell: (entry) => <Code>{entry.checkpointId}</Code> },
						{
							title: "Roll back",
							bare: true,
							numeric: true,
							cell: (entry) =>
								entry.isServing ? (
									<Badge color="teal" variant="dot" tt="none" fw={500}>
										serving
									</Badge>
								) : (
									entry.checkpointId !== checkpoint.id && (
										<Button
											size="compact-xs"
											variant="default"
											loading={swap.isPending && swap.variables === entry.checkpointId}
											onClick={() => swap.mutate(entry.checkpointId)}
										>
											Serve this again
										</Button>
									)
								),
						},
					]}
				/>
			</Stack>
		</Panel>
	);
}
