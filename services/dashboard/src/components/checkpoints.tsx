import { Badge, Code, Group, Text, TextInput } from "@mantine/core";
import { isPruned, type RunDetail } from "@valence/client";
import { useState } from "react";
import { isName, NAME_RULE, toServe } from "../deploying";
import { bytes, when } from "../format";
import { useDeployments } from "../serving-queries";
import { DataTable } from "./data-table";
import { DeployButton, ServedNow } from "./deploy-button";
import { Panel } from "./facts";
import { useFeedChoice } from "./feed-choice";
import { RefitFirst } from "./refit-first";

/** What a run has saved, and the way to put it into service. */
export function Checkpoints({ run }: { run: RunDetail }) {
	const deployments = useDeployments();
	const [name, setName] = useState("default");
	const { feed, field } = useFeedChoice(name, run.dataset.id);
	const servingAs = (id: string) => (deployments.data ?? []).filter((one) => one.checkpoint.id === id);
	if (run.checkpoints.length === 0) {
		return (
			<Panel title="Checkpoints">
				<Text size="sm" c="dimmed">
					{run.checkpointsRemovedAt === null
						? "The first one comes with the first epoch; it can be deployed from here."
						: removedSentence(run.checkpointsRemovedAt)}
				</Text>
			</Panel>
		);
	}
	const best = toServe(run.checkpoints);
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
						error={!isName(name)}
					/>
				</Group>
			}
		>
			{isName(name) ? (
				<ServedNow name={name} />
			) : (
				<Text size="xs" c="red">
					A name takes {NAME_RULE}.
				</Text>
			)}
			<Group my="xs" align="end">
				{field}
				{run.state === "SUCCEEDED" && !isPruned(run) && run.vouchedBy === null && best && (
					<RefitFirst run={run} checkpoint={best} name={name} feed={feed} />
				)}
			</Group>
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
										{one.vouchedBy === null ? "best" : "refit"}
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
							<DeployButton
								size="compact-xs"
								variant={one.isBest && one.vouchedBy !== null ? "filled" : "default"}
								name={name}
								checkpoint={one}
								feed={feed}
							/>
						),
					},
				]}
			/>
			{run.checkpointsRemovedAt !== null && (
				<Text size="xs" c="dimmed" mt="xs">
					{removedSentence(run.checkpointsRemovedAt)}
				</Text>
			)}
		</Panel>
	);
}

const removedSentence = (at: string) =>
	`The keep rule of the experiment removed checkpoints of this run on ${when(at)}. Its metrics stay.`;
