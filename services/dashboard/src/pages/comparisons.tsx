import { Anchor, Stack, Text } from "@mantine/core";
import type { Comparison } from "@valence/client";
import { Link } from "react-router";
import { useComparisons } from "../comparison-queries";
import { comparisonPath } from "../comparison-view";
import { CompareWays } from "../components/compare-ways";
import { NewestFirstPages } from "../components/cursor-pages";
import { type Column, DataTable } from "../components/data-table";
import { EmptyState, Loaded, StateBadge } from "../components/feedback";
import { PageHeader } from "../components/page-header";
import { metricTitle, when } from "../format";
import { type Known, measuresOf } from "../measures";
import { useMetricDefinitions } from "../queries";
import { useAddress } from "../use-address";

export function ComparisonsPage() {
	const { search } = useAddress();
	const known = useMetricDefinitions();
	return (
		<Stack>
			<PageHeader title="Compare" details="Which of several models is better, user by user under one protocol." />
			<CompareWays now="/comparisons" />
			<Loaded query={useComparisons(search)}>
				{({ items, nextCursor }) =>
					items.length === 0 ? (
						<EmptyState title="No difference was tested yet">
							Open the{" "}
							<Anchor component={Link} to="/leaderboard" underline="always">
								leaderboard
							</Anchor>{" "}
							of a dataset, or an experiment that has ended, and press Test the differences.
						</EmptyState>
					) : (
						<>
							<DataTable label="Comparisons" columns={columnsOf(known)} rows={items} keyOf={({ id }) => id} />
							<NewestFirstPages nextCursor={nextCursor} />
						</>
					)
				}
			</Loaded>
		</Stack>
	);
}

/** More groups are counted, not named. */
const MOST_NAMES = 4;

const namesOf = ({ groups }: Comparison) =>
	groups.length > MOST_NAMES
		? `${groups
				.slice(0, MOST_NAMES - 1)
				.map(({ name }) => name)
				.join("; ")} and ${groups.length - MOST_NAMES + 1} more`
		: groups.map(({ name }) => name).join("; ");

const columnsOf = (known: Known[]): Column<Comparison>[] => [
	{
		title: "Name",
		lead: true,
		cell: ({ id, name }) => (
			<Anchor component={Link} to={comparisonPath(id)} size="sm" fw={500} className="breaks">
				{name}
			</Anchor>
		),
	},
	{ title: "State", cell: ({ state }) => <StateBadge state={state} /> },
	{
		title: "Groups",
		cell: (one) => <span className="breaks">{namesOf(one)}</span>,
	},
	{
		title: "Compared with",
		cell: ({ groups, baseline }) => (
			<span className="breaks">{baseline === null ? "each other" : groups[baseline]?.name}</span>
		),
	},
	{
		title: "Metrics",
		cell: ({ metrics }) =>
			measuresOf(metrics)
				.map((measure) => metricTitle(`.${measure}`, known))
				.join(", "),
	},
	{ title: "Dataset", cell: ({ dataset }) => <span className="breaks">{dataset.name}</span> },
	{
		title: "Asked for",
		cell: ({ createdAt }) => (
			<Text size="sm" c="dimmed" className="together">
				{when(createdAt)}
			</Text>
		),
	},
];
