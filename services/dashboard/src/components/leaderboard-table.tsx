import { Anchor, Box, Checkbox, Text } from "@mantine/core";
import type { LeaderboardGroup } from "@valence/client";
import { Link } from "react-router";
import { bestValue } from "../best-value";
import { MOST_GROUPS } from "../comparison-asked";
import { bytes, count, duration, metricTitle } from "../format";
import { isTestable, placeName, testedRuns, usersOf } from "../leaderboard";
import { betterOf } from "../measures";
import { useMetricDefinitions } from "../queries";
import { effortSentence } from "../trials";
import type { FoundMarks } from "../use-marks";
import { type Column, DataTable } from "./data-table";
import { metricColumn } from "./metric-column";

interface Props {
	dataset: string;
	/** Of metrics: test.recall@20. */
	names: string[];
	groups: LeaderboardGroup[];
	found: FoundMarks;
	chosen: string[];
	onChoose: (chosen: string[]) => void;
}

/** Configurations across experiments, with what it took to train them. */
export function LeaderboardTable({ dataset, names, groups, found: { marks, notes }, chosen, onChoose }: Props) {
	const known = useMetricDefinitions();
	return (
		<DataTable
			label="Leaderboard"
			takenAs={`Leaderboard of ${dataset}`}
			notes={notes}
			scrolls
			rows={groups}
			keyOf={({ configHash }) => configHash}
			sort={metricTitle(names[0] ?? "", known)}
			isAscending={betterOf(names[0] ?? "", known) === "lower"}
			columns={[
				{
					title: "Configuration",
					value: placeName,
					text: placeName,
					values: [
						{ title: "Model", of: ({ model }) => model },
						{ title: "Configuration", of: ({ label }) => label },
					],
					cell: (group) => <Choice group={group} chosen={chosen} onChoose={onChoose} />,
				},
				...names.map((name) => {
					const best = bestValue(
						name,
						groups.map(({ metrics }) => metrics[name]?.mean),
						known,
					);
					return metricColumn<LeaderboardGroup>({
						title: metricTitle(name, known),
						rows: groups,
						meanOf: ({ metrics }) => ({ mean: metrics[name]?.mean, deviation: metrics[name]?.deviation }),
						markOf: (group) => marks({ runs: testedRuns(group) }, name.replace("test.", "")),
						isBest: ({ metrics, openSeeds }) => best !== undefined && metrics[name]?.mean === best && openSeeds === 0,
					});
				}),
				...EFFORT,
			]}
		/>
	);
}

function Choice({ group, chosen, onChoose }: Pick<Props, "chosen" | "onChoose"> & { group: LeaderboardGroup }) {
	const { configHash, model, label, runs } = group;
	const isChosen = chosen.includes(configHash);
	const experiments = [...new Map(runs.map(({ experiment }) => [experiment.id, experiment])).values()];
	return (
		<Box miw={{ base: 120, sm: 210 }}>
			<Checkbox
				size="xs"
				checked={isChosen}
				disabled={!isTestable(group) || (!isChosen && chosen.length >= MOST_GROUPS)}
				title={
					isTestable(group)
						? undefined
						: "Its runs have no values of single users: an evaluation of one, on its page, leaves them"
				}
				onChange={() => onChoose(isChosen ? chosen.filter((one) => one !== configHash) : [...chosen, configHash])}
				label={
					<>
						{model}{" "}
						<Text span size="xs" c="dimmed">
							{label}
						</Text>
					</>
				}
			/>
			<Text size="xs" c="dimmed" pl={26}>
				{effortOf(group).map((part, at) => (
					<span key={part}>
						{at > 0 && " · "}
						<span className="together">{part}</span>
					</span>
				))}
				<br />
				{experiments.map(({ id, name }, at) => (
					<span key={id}>
						{at > 0 && ", "}
						<Anchor component={Link} to={`/experiments/${id}`} size="xs" className="breaks">
							{name}
						</Anchor>
					</span>
				))}
			</Text>
		</Box>
	);
}

/** In the column that stays in sight. */
const effortOf = (group: LeaderboardGroup) => {
	const { runs, seconds, peakMemoryBytes, effort } = group;
	return [
		effort !== null && effortSentence(effort),
		`${seedsText(group)} ${runs.length + group.openSeeds === 1 ? "seed" : "seeds"}`,
		seconds.mean !== null && duration(seconds.mean),
		peakMemoryBytes !== null && bytes(peakMemoryBytes),
	].filter((part) => part !== false);
};

/** "2 of 3" while the third is under way. */
const seedsText = ({ runs, openSeeds }: Pick<LeaderboardGroup, "runs" | "openSeeds">) =>
	openSeeds > 0 ? `${runs.length} of ${runs.length + openSeeds}` : String(runs.length);

const EFFORT: Column<LeaderboardGroup>[] = [
	{
		title: "Searched",
		numeric: true,
		value: ({ effort }) => effort?.trials,
		text: ({ effort }) => (effort ? `${count(effort.trials)} trials` : "–"),
		cell: ({ effort }) => <span className="together">{effort ? `${count(effort.trials)} trials` : "–"}</span>,
	},
	{
		title: "Seeds",
		numeric: true,
		value: ({ runs }) => runs.length,
		text: seedsText,
		values: [
			{ title: "Seeds in", of: ({ runs }) => runs.length },
			{ title: "Seeds", of: ({ runs, openSeeds }) => runs.length + openSeeds },
		],
		cell: (group) => <span className="together">{seedsText(group)}</span>,
	},
	{ title: "Users", numeric: true, value: usersOf, cell: (group) => count(usersOf(group)) },
	{
		title: "Time",
		numeric: true,
		value: ({ seconds }) => seconds.mean,
		text: ({ seconds }) => duration(seconds.mean),
		values: [{ title: "Seconds", of: ({ seconds }) => seconds.mean }],
		cell: ({ seconds }) => <span className="together">{duration(seconds.mean)}</span>,
	},
	{
		title: "Memory",
		numeric: true,
		value: ({ peakMemoryBytes }) => peakMemoryBytes,
		text: ({ peakMemoryBytes }) => bytes(peakMemoryBytes),
		values: [{ title: "Bytes of memory", of: ({ peakMemoryBytes }) => peakMemoryBytes }],
		cell: ({ peakMemoryBytes }) => <span className="together">{bytes(peakMemoryBytes)}</span>,
	},
	{
		title: "Parameters",
		numeric: true,
		value: ({ parameters }) => parameters,
		cell: ({ parameters }) => count(parameters),
	},
];
