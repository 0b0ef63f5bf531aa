import { Text } from "@mantine/core";
import type { SeedGroup } from "@valence/client";
import { bestValue } from "../best-value";
import { describe, groupLabelOf, tellingFields } from "../config-fields";
import { metricTitle } from "../format";
import type { Mark } from "../marks";
import { useMetricDefinitions } from "../queries";
import { allIn, seedsSentence } from "../seeds";
import { BySplit } from "./by-split";
import { DataTable } from "./data-table";
import { metricColumn } from "./metric-column";

interface Props {
	/** Of the experiment. */
	name: string;
	groups: SeedGroup[];
	/** Of a metric of the test: recall@20. */
	markOf: (group: SeedGroup, metric: string) => Mark | undefined;
	/** What marks say. */
	notes: string[];
}

/** Every configuration of an experiment: its metrics on one split, with an interval where they were compared, else ± deviation over its seeds. */
export function Results({ groups, ...rest }: Props) {
	const names = [...new Set(groups.flatMap((group) => Object.keys(group.metrics)))].filter(
		(name) => !name.startsWith("train."),
	);
	return (
		<BySplit title="Results, means over seeds" names={names}>
			{(shown) =>
				shown.length === 0 ? (
					<Text size="sm" c="dimmed">
						The first results come with the first epoch.
					</Text>
				) : (
					<SplitResults key={shown[0]} groups={groups} names={shown} {...rest} />
				)
			}
		</BySplit>
	);
}

function SplitResults({ name: experiment, groups, names, markOf, notes }: Props & { names: string[] }) {
	const telling = tellingFields(groups);
	const known = useMetricDefinitions();
	const isMoving = groups.some(({ seedsOpen }) => seedsOpen > 0);
	return (
		<DataTable
			label="Results"
			takenAs={`Results of ${experiment}`}
			notes={notes}
			scrolls
			rows={groups}
			keyOf={(group) => `${group.model} ${group.configHash}`}
			sort={metricTitle(names[0] ?? "", known)}
			columns={[
				{
					title: "Model",
					value: (group) => group.model,
					text: (group) => groupLabelOf(group, telling),
					values: [
						{ title: "Model", of: ({ model }) => model },
						...[...new Set([...telling.values()].flatMap((fields) => [...fields]))].map((field) => ({
							title: field,
							of: (group: SeedGroup) => configValue(group, field),
						})),
					],
					cell: (group) => (
						<>
							{group.model}{" "}
							<Text span size="xs" c="dimmed">
								{describe(group, telling)}
							</Text>
						</>
					),
				},
				{
					title: "Seeds",
					numeric: true,
					value: (group) => group.seedsIn,
					text: seedsSentence,
					values: [
						{ title: "Seeds in", of: (group) => group.seedsIn },
						{ title: "Seeds", of: (group) => group.seeds.length },
					],
					cell: (group) => <span className="together">{seedsSentence(group)}</span>,
				},
				...names.map((name) => {
					const best = bestValue(
						name,
						groups.map(({ metrics }) => metrics[name]?.mean),
						known,
					);
					return metricColumn<SeedGroup>({
						title: metricTitle(name, known),
						rows: groups,
						meanOf: ({ metrics }) => ({ mean: metrics[name]?.mean, deviation: metrics[name]?.deviation }),
						markOf: (group) => (name.startsWith("test.") ? markOf(group, name.replace("test.", "")) : undefined),
						// Sure is no mean that still moves, and none that lacks a seed.
						isBest: (group) => best !== undefined && group.metrics[name]?.mean === best && !isMoving && allIn(group),
					});
				}),
			]}
		/>
	);
}

const configValue = ({ config }: SeedGroup, field: string) => {
	const value = config[field];
	return typeof value === "number" || typeof value === "string"
		? value
		: value === undefined
			? null
			: JSON.stringify(value);
};
