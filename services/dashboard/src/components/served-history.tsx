import { Anchor, Badge, Button, Code, Stack, Text } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import type { Deployment, ServedCheckpoint } from "@valence/client";
import { Link } from "react-router";
import { onDataset } from "../deploying";
import { metric, metricTitle, when } from "../format";
import { refreshPath } from "../links";
import { useServed } from "../queries";
import { causeSentence } from "../refreshing";
import { DataTable } from "./data-table";
import { ProblemAlert } from "./feedback";
import { RollBack } from "./roll-back";

/** As many as a deployment says by itself. */
const WITH_IT = 100;

/** What a name has served: until when, who put it there and why, and the way back to it. */
export function ServedHistory({ deployment }: { deployment: Deployment }) {
	const [isWhole, wholeWanted] = useDisclosure();
	const whole = useServed(deployment, isWhole);
	return (
		<Stack gap="xs">
			<Rows deployment={deployment} served={whole.data ?? deployment.history} />
			{deployment.history.length >= WITH_IT && whole.data === undefined && (
				<Button
					size="compact-xs"
					variant="default"
					w="max-content"
					loading={whole.isFetching}
					onClick={wholeWanted.open}
				>
					All that it has served
				</Button>
			)}
			<ProblemAlert error={whole.error} />
		</Stack>
	);
}

const Rows = ({ deployment, served }: { deployment: Deployment; served: ServedCheckpoint[] }) => (
	<DataTable
		label={`History of ${deployment.name}`}
		rows={served}
		keyOf={(entry) => `${entry.deployedAt} ${entry.runId}`}
		pageSize={10}
		columns={[
			{
				title: "Since",
				lead: true,
				cell: ({ deployedAt, until, removed }) => (
					<>
						{when(deployedAt)}
						<Text size="xs" c="dimmed" fw={400}>
							{until === null ? "until now" : `until ${when(until)}${removed ? ", deployment deleted" : ""}`}
						</Text>
					</>
				),
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
			{ title: "Experiment", cell: (entry) => onDataset(entry.experiment, entry.dataset) },
			{
				title: "Why",
				cell: (entry) => (
					<>
						{entry.refreshId === null ? (
							causeSentence(entry)
						) : (
							<Anchor component={Link} to={refreshPath(entry.refreshId)} size="sm" underline="always">
								{causeSentence(entry)}
							</Anchor>
						)}
						{entry.numbers && (
							<Text size="xs" c="dimmed">
								{metricTitle(`.${entry.numbers.metric}`)} {metric(entry.numbers.candidate.value)}
								{entry.numbers.deployed && `, before ${metric(entry.numbers.deployed.value)}`}
							</Text>
						)}
						{entry.reason && entry.reason !== entry.numbers?.reason && (
							<Text size="xs" c="dimmed" className="breaks">
								{entry.reason}
							</Text>
						)}
					</>
				),
			},
			{
				title: "Checkpoint",
				cell: ({ checkpointId }) =>
					checkpointId === null ? "deleted" : <Code className="breaks">{checkpointId}</Code>,
			},
			{
				title: "Roll back",
				bare: true,
				numeric: true,
				cell: ({ checkpointId, until, ...entry }) =>
					until === null ? (
						<Badge color="teal" variant="dot" tt="none" fw={500} miw="max-content">
							serving
						</Badge>
					) : (
						checkpointId !== null &&
						checkpointId !== deployment.checkpoint.id && (
							<RollBack deployment={deployment} to={{ ...entry, until, checkpointId }} />
						)
					),
			},
		]}
	/>
);
