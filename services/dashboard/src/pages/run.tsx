import { Anchor, Button, Code, Progress, SimpleGrid, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { isPruned, plain, type RunDetail } from "@valence/client";
import { type ReactNode, useState } from "react";
import { Link, useParams } from "react-router";
import { api } from "../api";
import { CancelButton } from "../components/cancel-button";
import { Checkpoints } from "../components/checkpoints";
import { Evaluations } from "../components/evaluations";
import { Facts, Panel } from "../components/facts";
import { Loaded, ProblemAlert, StateBadge } from "../components/feedback";
import { LogBox } from "../components/log-box";
import { MeasuredBy } from "../components/measured-by";
import { MetricCharts } from "../components/metric-chart";
import { PageHeader } from "../components/page-header";
import { memoryText, timeText } from "../estimates";
import { count, duration, metric, metricTitle } from "../format";
import { datasetPath, runUserPath, searchPath } from "../links";
import { logLine } from "../log-lines";
import { machineSentence } from "../machines";
import { readingOrder } from "../measures";
import { isOpen, keys, seriesQuery, useExperiment, useHasInterests, useMetricDefinitions, useRun } from "../queries";
import { useRunEvents } from "../run-events";
import { showsInterests } from "../tested-interests";
import { isUnproposed } from "../trials";

const MOST_LOG_LINES = 500;

export function RunPage() {
	const { id = "" } = useParams();
	return <Loaded query={useRun(id)}>{(run) => <RunView key={id} run={run} />}</Loaded>;
}

function RunView({ run }: { run: RunDetail }) {
	const client = useQueryClient();
	const series = useQuery(seriesQuery(run));
	const experiment = useExperiment(run.experimentId);
	const [log, setLog] = useState<string[]>([]);
	useRunEvents(run.id, (event) => {
		const line = logLine(event);
		if (line !== null) setLog((lines) => [...lines.slice(1 - MOST_LOG_LINES), line]);
		// The replay of what this page shows already asks for nothing.
		const isNews =
			(event.event === "epoch" && event.data.epoch > run.epoch) ||
			(event.event === "state" && event.data.state !== run.state);
		if (isNews) void client.invalidateQueries({ queryKey: keys.run(run.id), exact: true }, { cancelRefetch: false });
	});
	const hasInterests = useHasInterests(run.model);
	const showsUsers = hasInterests && !isOpen(run.state) && showsInterests(run);
	const lines = [{ id: run.id, label: run.model, series: series.data?.series ?? [] }];
	return (
		<Stack>
			<PageHeader
				title={`${run.model}, ${run.trial ? `trial ${run.trial.number}` : `seed ${run.seed}`}${run.vouchedBy === null ? "" : ", refit"}`}
				parent={{ to: `/experiments/${run.experimentId}`, label: experiment.data?.name ?? "Experiment" }}
				badge={<StateBadge state={run.state} isPruned={isPruned(run)} />}
				details={
					<>
						{run.dataset.name} · run <Code>{run.id}</Code>
					</>
				}
				actions={
					<>
						{showsUsers && (
							<Button size="xs" variant="default" component={Link} to={runUserPath(run.id)}>
								Interests of a user
							</Button>
						)}
						{run.vouchedBy === null && (
							<Button size="xs" variant="default" component={Link} to={`/compare?runs=${run.id}`}>
								Compare
							</Button>
						)}
						{isOpen(run.state) && (
							<CancelButton
								cancel={() => api.post("/runs/{id}/cancel", { path: { id: run.id } })}
								shownBy={keys.run(run.id)}
								requested={run.cancelRequested}
							/>
						)}
					</>
				}
			/>
			<ProblemAlert error={run.error} />
			{isOpen(run.state) && (
				<Progress value={run.progress * 100} animated aria-label={`${Math.round(run.progress * 100)} % done`} />
			)}
			<MetricCharts lines={lines} protocol={run.protocol} />
			<SimpleGrid cols={{ base: 1, md: 2 }}>
				<Panel title="About">
					<Facts rows={factsOf(run)} />
				</Panel>
				{run.vouchedBy === null ? (
					<Panel title="Metrics of the best epoch">
						<Measured metrics={run.metrics} />
					</Panel>
				) : (
					<Voucher id={run.vouchedBy} />
				)}
			</SimpleGrid>
			<Checkpoints run={run} />
			{run.vouchedBy === null && <Evaluations run={run} />}
			<MeasuredBy run={run} hasInterests={showsUsers} />
			<Panel title="Configuration">
				{isUnproposed(run) ? (
					<Text size="sm" c="dimmed">
						What it tries is chosen once its turn has come.
					</Text>
				) : (
					<Facts rows={Object.entries(run.config).map(([name, value]) => [name, plain(value)])} columns={3} />
				)}
			</Panel>
			<LogBox lines={log} />
		</Stack>
	);
}

/** Beside more facts than these, only the test is shown at once. */
const MOST_FACTS = 14;

function Measured({ metrics }: Pick<RunDetail, "metrics">) {
	const known = useMetricDefinitions();
	const names = Object.keys(metrics).sort(readingOrder(known));
	const rows = (some: string[]) =>
		some.map((name): [string, ReactNode] => [metricTitle(name, known), metric(metrics[name])]);
	const tested = names.filter((name) => name.startsWith("test."));
	if (names.length <= MOST_FACTS || tested.length === 0) return <Facts rows={rows(names)} />;
	return (
		<>
			<Facts rows={rows(tested)} />
			<details className="more">
				<summary>Training and validation</summary>
				<Facts rows={rows(names.filter((name) => !tested.includes(name)))} />
			</details>
		</>
	);
}

/** The numbers that speak for a refit, which has none of its own: those of the run that was tested. */
function Voucher({ id }: { id: string }) {
	return (
		<Panel title="Vouched for by">
			<Text size="sm" mb="xs">
				<Anchor component={Link} to={`/runs/${id}`} size="sm" underline="always">
					The run that was tested
				</Anchor>
				: the same configuration and seed on the training part. This one has learnt from validation and test as well,
				for as many steps as the best epoch there had taken, so nothing is left to measure it on.
			</Text>
			<Loaded query={useRun(id)}>{(run) => <Measured metrics={run.metrics} />}</Loaded>
		</Panel>
	);
}

const factsOf = (run: RunDetail): [string, ReactNode][] => [
	[
		"Dataset",
		<Anchor key="dataset" component={Link} to={datasetPath(run.dataset.id)} size="sm">
			{run.dataset.name}
		</Anchor>,
	],
	...(run.trial
		? [
				[
					"Search",
					<Anchor key="search" component={Link} to={searchPath(run.trial.search)} size="sm">
						trial {run.trial.number}, seed {run.seed}
					</Anchor>,
				] satisfies [string, ReactNode],
			]
		: []),
	...(run.refit
		? [
				[
					"Refit",
					<Anchor key="refit" component={Link} to={`/runs/${run.refit.id}`} size="sm">
						on all interactions, {run.refit.state.toLowerCase()}
					</Anchor>,
				] satisfies [string, ReactNode],
			]
		: []),
	["Epoch", `${run.epoch}${run.maxEpochs ? ` of at most ${run.maxEpochs}` : ""}`],
	["Ended by", run.stopReason?.replaceAll("_", " ") ?? "–"],
	...(run.vouchedBy === null ? [["Best epoch", bestEpochOf(run)] satisfies [string, ReactNode]] : []),
	[
		"Steps",
		run.bestSteps === null ? "–" : `${count(run.bestSteps)}${run.vouchedBy === null ? " up to the best epoch" : ""}`,
	],
	["Time", timeText(isOpen(run.state) ? `at most ${duration(run.secondsLeft)} left` : duration(run.trainSeconds), run)],
	[
		"Machine",
		<Anchor key="machine" component={Link} to="/machines" size="sm">
			{machineSentence(run)}
		</Anchor>,
	],
	["Device", run.device ? `${run.device}, torch ${run.torchVersion}, code ${run.codeVersion}` : "–"],
	...(run.processes > 1 ? [["Processes", count(run.processes)] satisfies [string, ReactNode]] : []),
	["Parameters", count(run.parameters)],
	["Checksum", run.parametersSha256 ? `${run.parametersSha256.slice(0, 16)}…` : "–"],
	["Peak memory", memoryText(run)],
	[
		"Protocol",
		`test masks ${run.protocol.maskTest}, ${run.protocol.metrics.join(", ")} @${run.protocol.cutoffs.join(", @")}`,
	],
	["Restarts after crashes", String(run.crashes)],
];

function bestEpochOf({ bestEpoch, bestValue, chosenBy }: RunDetail): string {
	if (bestEpoch === null) return "–";
	return chosenBy === "last_epoch"
		? `${bestEpoch}, the last one, since there is nobody to measure on`
		: `${bestEpoch}, ${metric(bestValue)}`;
}
