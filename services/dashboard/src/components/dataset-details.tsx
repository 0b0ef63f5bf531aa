import { BarChart } from "@mantine/charts";
import { Anchor, Button, Code, Group, Progress, SimpleGrid, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Bin, Dataset, DatasetStatistics } from "@valence/client";
import { Link } from "react-router";
import { api } from "../api";
import { isFailedImport, splitTitle } from "../dataset-rule";
import { count, percent, when } from "../format";
import { ruleInWords } from "../in-words";
import { feedPath, leaderboardPath } from "../links";
import { isOpen, keys } from "../queries";
import { CancelButton } from "./cancel-button";
import { ConfirmButton } from "./confirm-button";
import { DataTable } from "./data-table";
import { ProblemAlert } from "./feedback";
import { ImportAgain } from "./import-again";
import { Warnings } from "./warnings";

interface Props {
	dataset: Dataset;
	/** With the dataset that a failed import has become. */
	onImported: (dataset: Dataset) => void;
	/** Of a page that is about nothing else. */
	onDeleted?: () => void;
}

export function DatasetDetails({ dataset, onImported, onDeleted }: Props) {
	const { statistics, progress, problems, problemsTotal, warnings, error, experiments, feed } = dataset;
	const client = useQueryClient();
	const discard = useMutation({
		mutationFn: () =>
			api.delete("/datasets/{id}", { path: { id: dataset.id }, query: { withExperiments: experiments > 0 } }),
		onSuccess: () => onDeleted?.(),
		onSettled: (_, failed) =>
			Promise.all(
				[keys.datasets, keys.experiments, keys.deployments].map((queryKey) =>
					// What is deleted is not asked for again while its page closes.
					client.invalidateQueries({
						queryKey,
						predicate: (query) => Boolean(failed) || query.queryKey[2] !== dataset.id,
					}),
				),
			),
	});
	const along = experiments === 1 ? "its experiment" : `its ${count(experiments)} experiments`;
	return (
		<Stack gap="sm">
			{isOpen(dataset.state) && (
				<Group gap="sm">
					{progress && (
						<>
							<Progress flex="1 1 200px" value={progress.fraction * 100} animated aria-label={progress.stage} />
							<Text size="xs" c="dimmed">
								{progress.stage}, {count(progress.rowsRead)} rows
							</Text>
						</>
					)}
					<CancelButton
						cancel={() => api.post("/datasets/{id}/cancel", { path: { id: dataset.id } })}
						shownBy={keys.datasets}
					/>
				</Group>
			)}
			<ProblemAlert error={error} />
			{problems.length > 0 && (
				<>
					<Text size="sm" fw={600}>
						{count(problemsTotal)} {problemsTotal === 1 ? "problem" : "problems"}
						{problemsTotal > problems.length && `, the first ${problems.length}`}
					</Text>
					<DataTable
						label="Problems"
						rows={problems}
						keyOf={(one) => `${one.file}:${one.line}:${one.column}:${one.code}`}
						pageSize={10}
						columns={[
							{ title: "File", cell: (one) => one.file },
							{
								title: "Line",
								numeric: true,
								value: (one) => one.line,
								cell: (one) => (one.line ? count(one.line) : "–"),
							},
							{ title: "Column", cell: (one) => one.column || "–" },
							{ title: "Problem", cell: (one) => ruleInWords(one.message) },
						]}
					/>
				</>
			)}
			<Warnings of={warnings} />
			{isFailedImport(dataset) && <ImportAgain failed={dataset} onImported={onImported} />}
			{feed && (
				<Text size="sm">
					Snapshot of the feed{" "}
					<Anchor component={Link} to={feedPath(feed.name)} className="breaks">
						{feed.name}
					</Anchor>{" "}
					as it was on {when(feed.at)}, {count(feed.rows)} rows.
				</Text>
			)}
			{statistics && <StatisticsView statistics={statistics} split={splitTitle(dataset.rule)} />}
			<Group justify="space-between" align="end">
				<Text size="xs" c="dimmed" className="breaks" flex="1 1 300px">
					id <Code>{dataset.id}</Code>
					<br />
					digest {dataset.digest}
					<br />
					rule {JSON.stringify(dataset.rule)}
				</Text>
				<Group gap="xs">
					{!isOpen(dataset.state) && (
						<ConfirmButton
							size="xs"
							color="red"
							variant="subtle"
							label={experiments > 0 ? `Delete with ${along}` : "Delete"}
							question={
								experiments > 0
									? `Delete ${dataset.name} with ${along}, their runs and checkpoints?`
									: `Delete ${dataset.name} with its files?`
							}
							loading={discard.isPending}
							onConfirm={() => discard.mutate()}
						/>
					)}
					{experiments > 0 && (
						<Button size="xs" variant="default" component={Link} to={leaderboardPath(dataset.id)}>
							Leaderboard
						</Button>
					)}
					{dataset.state === "SUCCEEDED" && (
						<Button size="xs" variant="light" component={Link} to={`/experiments/new?dataset=${dataset.id}`}>
							Train on it
						</Button>
					)}
				</Group>
			</Group>
			<ProblemAlert error={discard.error} />
		</Stack>
	);
}

function StatisticsView({ statistics, split }: { statistics: DatasetStatistics; split: string }) {
	const { times, foldIn } = statistics;
	const facts: [string, string][] = [
		["Users", count(statistics.users)],
		["Items", count(statistics.items)],
		["Interactions", count(statistics.interactions)],
		["Density", percent(statistics.density)],
		["Train / valid / test", [statistics.train, statistics.valid, statistics.test].map(count).join(" / ")],
		["Split", split],
		...(foldIn > 0 ? [["Folded in", count(foldIn)] as [string, string]] : []),
		...(times ? timesOf(times) : []),
		["Titled items", count(statistics.titledItems)],
		["Tagged items", count(statistics.taggedItems)],
		["Tags", count(statistics.tags)],
		["Duplicates merged", count(statistics.duplicatesMerged)],
		["Rows skipped", count(statistics.rowsSkipped)],
		["Below least rating", count(statistics.belowThreshold)],
		["Outside the window", count(statistics.outsideWindow)],
		["Outside the k-core", count(statistics.outsideCore)],
		["Cold dropped", count(statistics.coldDropped)],
	];
	return (
		<>
			<SimpleGrid cols={{ base: 2, sm: 3, lg: 5 }} spacing="sm">
				{facts.map(([name, value]) => (
					<div key={name}>
						<Text size="xs" c="dimmed">
							{name}
						</Text>
						<Text fw={600} size="sm">
							{value}
						</Text>
					</div>
				))}
			</SimpleGrid>
			<SimpleGrid cols={{ base: 1, md: 2 }}>
				<Histogram title="Users by number of interactions" unit="users" bins={statistics.userDegrees} />
				<Histogram title="Items by number of interactions" unit="items" bins={statistics.itemDegrees} />
			</SimpleGrid>
		</>
	);
}

function timesOf({ from, to, form, unknown, cuts }: NonNullable<DatasetStatistics["times"]>): [string, string][] {
	return [
		["From", when(from)],
		["To", when(to)],
		["Times written as", form],
		...(unknown > 0 ? [["Without a time", count(unknown)] as [string, string]] : []),
		...(cuts.length > 0 ? [["Validation and test begin", cuts.map(when).join(" / ")] as [string, string]] : []),
	];
}

const Histogram = ({ title, unit, bins }: { title: string; unit: string; bins: Bin[] }) => (
	<figure className="plain" aria-label={title}>
		<Text size="xs" c="dimmed" mb={4} component="figcaption">
			{title}, each bar from the number below it to the next
		</Text>
		<BarChart
			h={170}
			data={bins.map(({ low, high, count: number }) => ({
				bin: low === high ? String(low) : `${low}–${high}`,
				[unit]: number,
			}))}
			dataKey="bin"
			// Whole bins side by side would not fit; the tooltip has them.
			xAxisProps={{
				tickFormatter: (bin: string) => bin.split("–")[0] ?? "",
				interval: "preserveStartEnd",
				minTickGap: 2,
			}}
			series={[{ name: unit, color: "indigo.5" }]}
			valueFormatter={count}
			yAxisProps={{ width: 56, tickCount: 4, allowDecimals: false, tickFormatter: count }}
			barChartProps={{ margin: { top: 8 } }}
		/>
	</figure>
);
