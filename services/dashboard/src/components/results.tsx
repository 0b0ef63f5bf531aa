import { Text } from "@mantine/core";
import type { SeedGroup } from "@valence/client";
import { bestValue } from "../best-value";
import { describe, groupLabelOf, tellingFields } from "../config-fields";
import { metric, metricTitle } from "../format";
import { allIn, seedsSentence } from "../seeds";
import { BySplit } from "./by-split";
import { type Column, DataTable } from "./data-table";

interface Props {
	/** Of the experiment. */
	name: string;
	groups: SeedGroup[];
}

/** Every configuration of an experiment: its metrics on one split, mean ± deviation over its seeds. */
export function Results({ groups, ...rest }: Props) {
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
					<SplitResults key={shown[0]} groups={groups} names={shown} {...rest} />
				)
			}
		</BySplit>
	);
}

function SplitResults({ name: experiment, groups, names }: Props & { names: string[] }) {
	const telling = tellingFields(groups);
	const isMoving = groups.some(({ seedsOpen }) => seedsOpen > 0);
	return (
		<DataTable
			label="Results"
			takenAs={`Results of ${experiment}`}
			scrolls
			rows={groups}
			keyOf={(group) => `${group.model} ${group.configHash}`}
			sort={metricTitle(names[0] ?? "")}
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
				...names.map((name) => metricColumn(name, groups, (group) => !isMoving && allIn(group))),
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

/** The best is bold once it is sure: no mean that still moves, none that lacks a seed. */
function metricColumn(name: string, groups: SeedGroup[], isSure: (group: SeedGroup) => boolean): Column<SeedGroup> {
	const title = metricTitle(name);
	const meanOf = (group: SeedGroup) => group.metrics[name]?.mean;
	const deviationOf = (group: SeedGroup) => group.metrics[name]?.deviation;
	const best = bestValue(name, groups.map(meanOf));
	const isBest = (group: SeedGroup) => best !== undefined && meanOf(group) === best && isSure(group);
	const spread = (group: SeedGroup) => {
		const deviation = deviationOf(group);
		return deviation == null ? "" : ` ± ${metric(deviation)}`;
	};
	return {
		title,
		numeric: true,
		value: meanOf,
		text: (group) => metric(meanOf(group)) + spread(group),
		values: [
			{ title, of: meanOf },
			{ title: `${title} deviation`, of: deviationOf },
		],
		isBest,
		cell: (group) => (
			<Text span size="sm" fw={isBest(group) ? 700 : undefined} className="together">
				{metric(meanOf(group))}
				<Text span size="xs" c="dimmed" fw={400}>
					{spread(group)}
				</Text>
			</Text>
		),
	};
}
