import { Badge, Group, Select, Stack, Text, Title } from "@mantine/core";
import type { ComparisonDetail, Recommendations } from "@valence/client";
import { metric as decimals, metricTitle } from "../format";
import { useMetricDefinitions, useUserValues } from "../queries";
import { rankRows, type Side, seedsBeside } from "../tested-lists";
import { DataTable } from "./data-table";
import { ItemName } from "./item-name";

interface Props {
	comparison: ComparisonDetail;
	side: Side;
	user: string;
	metric: string;
	items: Recommendations["items"];
	/** The list beside it. */
	other: Recommendations["items"];
	/** What the test asks for. */
	wanted: string[];
	onSeed: (run: string) => void;
}

/** A user's list of one of two models, with what of it the test asked for. */
export function TestedList({ comparison, side, user, metric, items, other, wanted, onSeed }: Props) {
	const known = useMetricDefinitions();
	const values = useUserValues({ kind: "runs", id: side.run }, { user }).data?.items[0]?.values;
	const seeds = seedsBeside(comparison, side.run).filter(({ isGone }) => !isGone);
	return (
		<Stack gap="xs" component="section" aria-label={`List of ${side.name}`}>
			<Group justify="space-between" gap="xs" align="end">
				<div>
					<Title order={3} size="h5" className="breaks">
						{side.name}
					</Title>
					<Text size="sm" c="dimmed">
						{metricTitle(`.${metric}`, known)} of this user {decimals(values?.[metric])}
					</Text>
				</div>
				{seeds.length > 1 && (
					<Select
						label="Seed"
						size="xs"
						w={90}
						data={seeds.map(({ id, seed }) => ({ value: id, label: String(seed) }))}
						value={side.run}
						onChange={(run) => run && onSeed(run)}
						allowDeselect={false}
					/>
				)}
			</Group>
			<DataTable
				label={`List of ${side.name}`}
				rows={rankRows(items, other, wanted)}
				keyOf={({ id }) => id}
				columns={[
					{
						title: "Item",
						lead: true,
						cell: (item) => (
							<>
								<Text span size="sm" c="dimmed" fw={400}>
									{item.rank}
								</Text>{" "}
								<ItemName item={item} />
							</>
						),
					},
					{ title: "Found", width: 170, cell: (item) => <Found {...item} /> },
				]}
			/>
		</Stack>
	);
}

function Found({ isHit, isInBoth }: { isHit: boolean; isInBoth: boolean }) {
	if (!isHit && isInBoth) return null;
	return (
		<Group gap={4}>
			{isHit && (
				<Badge size="xs" variant="light" tt="none" miw="max-content">
					asked for
				</Badge>
			)}
			{!isInBoth && (
				<Badge size="xs" variant="light" color="gray" tt="none" miw="max-content">
					only here
				</Badge>
			)}
		</Group>
	);
}
