import { Group, Progress, Select, SimpleGrid, Stack, Text } from "@mantine/core";
import type { MetricGroup } from "@valence/client";
import { useState } from "react";
import { count, metric, metricTitle } from "../format";
import { readingOrder } from "../measures";
import { useMetricDefinitions } from "../queries";
import { DataTable } from "./data-table";
import { Panel } from "./facts";

const KINDS = [
	{ by: "activity", title: "Users by activity" },
	{ by: "popularity", title: "Items by popularity" },
] as const;

/** One metric of a test at a time, for some of the users and by some of the items. */
export function MetricGroups({ groups }: { groups: MetricGroup[] }) {
	const known = useMetricDefinitions();
	const byReading = readingOrder(known);
	const names = [...new Set(groups.flatMap(({ metrics }) => Object.keys(metrics)))].sort((a, b) =>
		byReading(`test.${a}`, `test.${b}`),
	);
	const [chosen, setChosen] = useState<string | null>(null);
	const name = chosen ?? names[0];
	if (name === undefined) return null;
	return (
		<Panel
			title="By group"
			actions={
				<Select
					aria-label="Metric of the groups"
					size="xs"
					w={190}
					data={names.map((value) => ({ value, label: metricTitle(`.${value}`, known) }))}
					value={name}
					onChange={setChosen}
					allowDeselect={false}
				/>
			}
		>
			<SimpleGrid cols={{ base: 1, md: 2 }} spacing="xl">
				{KINDS.map((kind) => {
					// Not every metric is measured by items.
					const rows = groups.filter(({ by, metrics }) => by === kind.by && name in metrics);
					return rows.length > 0 && <Kind key={kind.by} {...kind} name={name} rows={rows} />;
				})}
			</SimpleGrid>
		</Panel>
	);
}

interface KindProps {
	title: string;
	name: string;
	rows: MetricGroup[];
}

function Kind({ title, name, rows }: KindProps) {
	const measured = metricTitle(`.${name}`, useMetricDefinitions());
	const most = Math.max(...rows.map(({ metrics }) => metrics[name] ?? 0));
	return (
		<Stack gap={4}>
			<Text size="sm" fw={600}>
				{title}
			</Text>
			<DataTable
				label={title}
				takenAs={`${title}, ${measured}`}
				rows={rows}
				keyOf={({ group }) => group}
				columns={[
					{
						title: "Group",
						lead: true,
						text: ({ group }) => group,
						cell: ({ group }) => <div className="capital">{group}</div>,
					},
					{
						title: "Interactions",
						value: ({ from }) => from,
						text: interactions,
						values: [
							{ title: "Interactions from", of: ({ from }) => from },
							{ title: "Interactions to", of: ({ to }) => to },
						],
						cell: interactions,
					},
					{ title: "Users", numeric: true, value: ({ users }) => users, cell: ({ users }) => count(users) },
					{
						title: measured,
						numeric: true,
						width: "40%",
						value: ({ metrics }) => metrics[name],
						text: ({ metrics }) => metric(metrics[name]),
						cell: ({ metrics }) => (
							<Group gap="xs" wrap="nowrap" justify="end">
								<Progress
									flex={1}
									visibleFrom="sm"
									value={most > 0 ? (100 * Math.max(0, metrics[name] ?? 0)) / most : 0}
									aria-hidden
								/>
								<Text span size="sm">
									{metric(metrics[name])}
								</Text>
							</Group>
						),
					},
				]}
			/>
		</Stack>
	);
}

const interactions = ({ from, to }: MetricGroup) => (from === to ? count(from) : `${count(from)} to ${count(to)}`);
