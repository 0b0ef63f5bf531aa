import { Badge, Button, Code, Group, Text, TextInput } from "@mantine/core";
import { notifications } from "@mantine/notifications";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { put } from "../api";
import { bytes } from "../format";
import { keys, useDeployments } from "../queries";
import type { RunDetail } from "../shapes";
import { DataTable } from "./data-table";
import { Panel } from "./facts";
import { ProblemAlert } from "./feedback";

/** What a run has saved, and the way to put it into service. */
export function Checkpoints({ run }: { run: RunDetail }) {
	const client = useQueryClient();
	const deployments = useDeployments();
	const [name, setName] = useState("default");
	const deploy = useMutation({
		mutationFn: (checkpoint: string) => put(`/deployments/${encodeURIComponent(name)}`, { checkpoint }),
		onSuccess: async () => {
			notifications.show({ message: `Serving as ${name}`, color: "teal" });
			await client.invalidateQueries({ queryKey: keys.deployments });
		},
	});
	const servingAs = (id: string) => (deployments.data ?? []).filter((one) => one.checkpoint.id === id);
	if (run.checkpoints.length === 0) {
		return (
			<Panel title="Checkpoints">
				<Text size="sm" c="dimmed">
					The first one comes with the first epoch; it can be deployed from here.
				</Text>
			</Panel>
		);
	}
	return (
		<Panel
			title="Checkpoints"
			actions={
				<Group gap="xs">
					<Text size="xs" c="dimmed" component="label" htmlFor="deploy-as">
						Deploy as
					</Text>
					<TextInput
						id="deploy-as"
						size="xs"
						w={140}
						value={name}
						onChange={(event) => setName(event.currentTarget.value)}
					/>
				</Group>
			}
		>
			<DataTable
				label="Checkpoints"
				rows={run.checkpoints}
				keyOf={(one) => one.id}
				columns={[
					{ title: "Epoch", cell: (one) => one.epoch },
					{
						title: "Kept as",
						cell: (one) => (
							<Group gap={6}>
								{one.isBest && (
									<Badge size="sm" variant="light">
										best
									</Badge>
								)}
								{one.isLast && (
									<Badge size="sm" variant="light" color="gray">
										last
									</Badge>
								)}
								{servingAs(one.id).map((deployment) => (
									<Badge key={deployment.name} size="sm" variant="dot" color="teal" tt="none" fw={500}>
										serving as {deployment.name}
									</Badge>
								))}
							</Group>
						),
					},
					{ title: "Size", numeric: true, cell: (one) => bytes(one.bytes) },
					{ title: "Id", cell: (one) => <Code>{one.id}</Code> },
					{
						title: "Deploy",
						bare: true,
						numeric: true,
						cell: (one) => (
							<Button
								size="compact-xs"
								variant={one.isBest ? "filled" : "default"}
								disabled={name === ""}
								loading={deploy.isPending && deploy.variables === one.id}
								onClick={() => deploy.mutate(one.id)}
							>
								Deploy
							</Button>
						),
					},
				]}
			/>
			<ProblemAlert error={deploy.error} />
		</Panel>
	);
}
