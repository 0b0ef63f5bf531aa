import { Anchor, Group, Progress, Text } from "@mantine/core";
import type { Experiment } from "@valence/client";
import { Link } from "react-router";
import { count, metric, metricTitle, when } from "../format";
import type { Column } from "./data-table";
import { StateBadge } from "./feedback";

/** More models than this are counted, not named. */
const MOST_NAMES = 4;

const runsOf = ({ runCounts }: Experiment) => Object.values(runCounts).reduce((sum, number) => sum + number, 0);

export const EXPERIMENT_COLUMNS: Column<Experiment>[] = [
	{
		title: "Name",
		lead: true,
		cell: ({ id, name }) => (
			<Anchor component={Link} to={`/experiments/${id}`} size="sm" fw={500} className="breaks">
				{name}
			</Anchor>
		),
	},
	{ title: "State", cell: ({ state }) => <StateBadge state={state} /> },
	{
		title: "Progress",
		width: 150,
		cell: (experiment) => (
			<Group gap={8} wrap="nowrap" miw={110}>
				<Progress
					flex={1}
					value={experiment.progress * 100}
					color={experiment.runCounts.FAILED ? "red" : undefined}
					aria-label={`${Math.round(experiment.progress * 100)} % done`}
				/>
				<Text size="xs" c="dimmed">
					{experiment.runCounts.SUCCEEDED}/{count(runsOf(experiment))}
				</Text>
			</Group>
		),
	},
	{
		title: "Best validation",
		cell: ({ best }) =>
			best ? (
				<Anchor component={Link} to={`/runs/${best.runId}`} size="sm" c="inherit">
					<b>{metric(best.value)}</b> {metricTitle(`.${best.metric}`)}, {best.model}
				</Anchor>
			) : (
				"–"
			),
	},
	{
		title: "Models",
		cell: ({ models }) =>
			models.length > MOST_NAMES
				? `${models.slice(0, MOST_NAMES - 1).join(", ")} and ${models.length - MOST_NAMES + 1} more`
				: models.join(", "),
	},
	{ title: "Dataset", cell: ({ dataset }) => <span className="breaks">{dataset.name}</span> },
	{
		title: "Launched",
		cell: ({ createdAt }) => (
			<Text size="sm" c="dimmed" className="together">
				{when(createdAt)}
			</Text>
		),
	},
];
