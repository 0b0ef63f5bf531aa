import { BarChart } from "@mantine/charts";
import { Button, Code, Group, Progress, SimpleGrid, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link } from "react-router";
import { remove } from "../api";
import { count, percent } from "../format";
import { isOpen, keys } from "../queries";
import type { Bin, Dataset, Statistics } from "../shapes";
import { CancelButton } from "./cancel-button";
import { ConfirmButton } from "./confirm-button";
import { DataTable } from "./data-table";
import { ProblemAlert } from "./feedback";

export function DatasetDetails({ dataset }: { dataset: Dataset }) {
	const { statistics, progress, problems, problemsTotal, error } = dataset;
	const client = useQueryClient();
	const discard = useMutation({
		mutationFn: () => remove(`/datasets/${dataset.id}`),
		onSettled: () => client.invalidateQueries({ queryKey: keys.datasets }),
	});
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
					<CancelButton path={`/datasets/${dataset.id}`} shownBy={keys.datasets} />
				</Group>
			)}
			<ProblemAlert error={error ? new Error(`${error.code}: ${error.message}`) : null} />
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
							{ title: "Problem", cell: (one) => one.message },
						]}
					/>
				</>
			)}
			{statistics && <StatisticsView statistics={statistics} />}
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
							label="Delete"
							question={`Delete ${dataset.name} with its files?`}
							loading={discard.isPending}
							onConfirm={() => discard.mutate()}
						/>
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

function StatisticsView({ statistics }: { statistics: Statistics }) {
	const facts: [string, string][] = [
		["Users", count(statistics.users)],
		["Items", count(statistics.items)],
		["Interactions", count(statistics.interactions)],
		["Density", percent(statistics.density)],
		["Train / valid / test", [statistics.train, statistics.valid, statistics.test].map(count).join(" / ")],
		["Titled items", count(statistics.titledItems)],
		["Duplicates merged", count(statistics.duplicatesMerged)],
		["Rows skipped", count(statistics.rowsSkipped)],
		["Below least rating", count(statistics.belowThreshold)],
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

const Histogram = ({ title, unit, bins }: { title: string; unit: string; bins: Bin[] }) => (
	<figure className="plain" aria-label={title}>
		<Text size="xs" c="dimmed" mb={4} component="figcaption">
			{title}
		</Text>
		<BarChart
			h={150}
			data={bins.map(({ low, high, count: number }) => ({
				bin: low === high ? String(low) : `${low}–${high}`,
				[unit]: number,
			}))}
			dataKey="bin"
			series={[{ name: unit, color: "indigo.5" }]}
			valueFormatter={count}
			yAxisProps={{ width: 44 }}
		/>
	</figure>
);
