import { Anchor, Group, Select, Stack, Text } from "@mantine/core";
import type { Leaderboard } from "@valence/client";
import { Link } from "react-router";
import { comparisonAsked, tooManyPairs } from "../comparison-asked";
import { useLeaderboard } from "../comparison-queries";
import { BySplit } from "../components/by-split";
import { EmptyState, Loaded } from "../components/feedback";
import { LeaderboardTable } from "../components/leaderboard-table";
import { MarksNote } from "../components/marks-note";
import { PageHeader } from "../components/page-header";
import { TestDifferences } from "../components/test-differences";
import { TradeOff } from "../components/trade-off";
import { axesOf, placeAsked, placeName, testedRuns, testMetrics, toTest, weighedBy } from "../leaderboard";
import { protocolName } from "../protocol";
import { useDatasets, useMetricDefinitions } from "../queries";
import { useAddress } from "../use-address";
import { useMarks } from "../use-marks";

/** Dataset, protocol, chosen configurations and axes are in the address. */
export function LeaderboardPage() {
	const { search, change } = useAddress();
	const datasets = useDatasets();
	const ready = (datasets.data ?? []).filter(({ state }) => state === "SUCCEEDED");
	const dataset = search.get("dataset") ?? ready[0]?.id ?? "";
	const leaderboard = useLeaderboard(dataset, search.get("protocol"));
	return (
		<Stack>
			<PageHeader
				title="Leaderboard"
				details="Every configuration tested on a dataset under one protocol, whichever experiment it is of."
				actions={
					<Select
						aria-label="Dataset"
						size="xs"
						w={220}
						data={ready.map(({ id, name }) => ({ value: id, label: name }))}
						value={dataset}
						onChange={(id) => change({ dataset: id, protocol: null, group: null, baseline: null })}
						allowDeselect={false}
						searchable
					/>
				}
			/>
			{datasets.data && dataset === "" ? (
				<EmptyState title="There is no dataset yet">
					<Anchor component={Link} to="/datasets" underline="always">
						Upload one
					</Anchor>{" "}
					and train on it.
				</EmptyState>
			) : (
				<Loaded query={leaderboard}>{(found) => <Places key={found.protocol?.hash} of={found} />}</Loaded>
			)}
		</Stack>
	);
}

function Places({ of: { dataset, protocol, protocols, groups, isWhole } }: { of: Leaderboard }) {
	const { search, change } = useAddress();
	const known = useMetricDefinitions();
	const chosen = search.getAll("group");
	const tested = toTest(groups, chosen);
	const found = useMarks(
		dataset.id,
		tested.map((group) => ({ runs: testedRuns(group) })),
	);
	if (!protocol)
		return (
			<EmptyState title={`Nothing was tested on ${dataset.name} yet`}>
				<Anchor component={Link} to={`/experiments/new?dataset=${dataset.id}`} underline="always">
					Train on it
				</Anchor>
			</EmptyState>
		);
	const baseline = tested.find(({ configHash }) => configHash === search.get("baseline"));
	const refusal = tooManyPairs(tested.length, protocol, known);
	const measures = weighedBy(groups, protocol, known);
	const axes = axesOf(measures, { x: search.get("x"), y: search.get("y") });
	return (
		<>
			<Group align="end" gap="sm">
				{protocols.length > 1 && (
					<Select
						label="Protocol"
						size="xs"
						w={340}
						data={protocols.map((one) => ({
							value: one.protocol.hash,
							label: protocolName(one.protocol, one.groups, known),
						}))}
						value={protocol.hash}
						onChange={(hash) => change({ protocol: hash, group: null, baseline: null })}
						allowDeselect={false}
					/>
				)}
				{tested.length > 1 && (
					<>
						<Select
							label="Compare"
							size="xs"
							w={240}
							data={[
								{ value: "", label: "each with each", disabled: refusal !== null },
								...tested.map((group) => ({ value: group.configHash, label: `with ${placeName(group)}` })),
							]}
							value={baseline?.configHash ?? ""}
							onChange={(hash) => change({ baseline: hash || null })}
							allowDeselect={false}
						/>
						<TestDifferences
							asked={comparisonAsked(tested.map(placeAsked), baseline && placeAsked(baseline))}
							refusal={baseline ? null : refusal}
							way="Choose one to compare with, or tick fewer."
						/>
						<Text size="xs" c="dimmed" pb={6}>
							{chosen.length > 0
								? `of the ${tested.length} chosen`
								: `of ${tested.length === groups.length ? "all" : "the first"} ${tested.length}; tick some to test only these`}
						</Text>
					</>
				)}
			</Group>
			<BySplit title="Configurations, means over seeds" names={testMetrics(groups, protocol)}>
				{(names) => (
					<LeaderboardTable
						key={names.join()}
						dataset={dataset.name}
						names={names}
						groups={groups}
						found={found}
						chosen={chosen}
						onChoose={(next) => change({ group: next }, { replace: true })}
					/>
				)}
			</BySplit>
			<MarksNote found={found} />
			{!isWhole && (
				<Text size="sm" c="dimmed">
					Older runs than these are left out.
				</Text>
			)}
			{axes && groups.length > 1 && (
				<TradeOff
					groups={groups}
					measures={measures}
					axes={axes}
					onChange={(axis, name) => change({ [axis]: name }, { replace: true })}
				/>
			)}
		</>
	);
}
