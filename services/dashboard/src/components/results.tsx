import { Text } from "@mantine/core";
import { bestValue } from "../best-value";
import { describe, tellingFields } from "../config-fields";
import { metric, metricTitle } from "../format";
import type { Group as SeedGroup } from "../shapes";
import { BySplit } from "./by-split";
import { DataTable } from "./data-table";

/** Every configuration of an experiment: its metrics on one split, mean ± deviation over its seeds. */
export function Results({ groups }: { groups: SeedGroup[] }) {
	const names = [...new Set(groups.flatMap((group) => Object.keys(group.metrics)))].filter(
		(name) => !name.startsWith("train."),
	);
	return (
		<BySplit title="Results, mean ± deviation over seeds" names={names}>
			{(shown) =>
				shown.length === 0 ? (
					<Text size="sm" c="dimmed">
						The first results come with the first epoch.
					</Text>
				) : (
					<SplitResults key={shown[0]} groups={groups} names={shown} />
				)
			}
		</BySplit>
	);
}

function SplitResults({ groups, names }: { groups: SeedGroup[]; names: string[] }) {
	const telling = tellingFields(groups);
	const meanOf = (name: string) => (group: SeedGroup) => group.metrics[name]?.mean;
	return (
		<DataTable
			label="Results"
			scrolls
			rows={groups}
			keyOf={(group) => `${group.model} ${group.configHash}`}
			sort={metricTitle(names[0] ?? "")}
			columns={[
				{
					title: "Model",
					value: (group) => group.model,
					cell: (group) => (
						<>
							{group.model}{" "}
							<Text span size="xs" c="dimmed">
								{describe(group.config, telling)}
							</Text>
						</>
					),
				},
				{ title: "Seeds", numeric: true, value: (group) => group.seeds.length, cell: (group) => group.seeds.length },
				...names.map((name) => {
					const best = bestValue(name, groups.map(meanOf(name)));
					return {
						title: metricTitle(name),
						numeric: true,
						value: meanOf(name),
						cell: (group: SeedGroup) => {
							const { mean = null, deviation = null } = group.metrics[name] ?? {};
							return (
								<Text span size="sm" fw={mean !== null && mean === best ? 700 : undefined} className="together">
									{metric(mean)}
									{deviation !== null && <Text span size="xs" c="dimmed" fw={400}>{` ± ${metric(deviation)}`}</Text>}
								</Text>
							);
						},
					};
				}),
			]}
		/>
	);
}
