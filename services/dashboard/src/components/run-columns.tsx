import { Anchor, Group, Progress, Text } from "@mantine/core";
import { isPruned, type Protocol, type Run } from "@valence/client";
import { Link } from "react-router";
import { labelOf, type Telling } from "../config-fields";
import { duration, metric, metricTitle } from "../format";
import { inWords } from "../in-words";
import type { Known } from "../measures";
import { ColourDot } from "./colour-dot";
import type { Column } from "./data-table";
import { StateBadge } from "./feedback";

interface Options {
	/** Configuration fields that tell the runs apart. */
	telling: Telling;
	protocol: Pick<Protocol, "metrics" | "cutoffs">;
	known: Known[];
	/** Which line of the charts a run is; -1 for none. */
	lineOf: (run: Run) => number;
}

export function runColumns({ telling, protocol, known, lineOf }: Options): Column<Run>[] {
	const cutoff = protocol.cutoffs[0] ?? 20;
	const tested = `test.${protocol.metrics[0]}@${cutoff}`;
	return [
		{
			title: "Run",
			lead: true,
			value: (run) => labelOf(run, telling),
			cell: (run) => (
				<div>
					<Group gap={8} wrap="nowrap">
						{lineOf(run) >= 0 && <ColourDot index={lineOf(run)} />}
						<Anchor component={Link} to={`/runs/${run.id}`} size="sm">
							{labelOf(run, telling)}
						</Anchor>
					</Group>
					{run.error && (
						<Text size="xs" c="red" title={run.error.message}>
							{inWords(run.error).title}
						</Text>
					)}
				</div>
			),
		},
		{
			title: "State",
			value: (run) => run.state,
			text: (run) => (isPruned(run) ? "pruned" : run.state),
			cell: (run) => <StateBadge state={run.state} isPruned={isPruned(run)} />,
		},
		{
			title: "Epoch",
			width: 130,
			value: (run) => run.epoch,
			text: (run) => `${run.epoch}${run.maxEpochs ? ` / ${run.maxEpochs}` : ""}`,
			cell: (run) => (
				<Group gap={8} wrap="nowrap">
					<Text span size="sm" className="together">
						{run.epoch}
						{run.maxEpochs ? ` / ${run.maxEpochs}` : ""}
					</Text>
					{run.state === "RUNNING" && (
						<Progress flex={1} value={run.progress * 100} aria-label={`${Math.round(run.progress * 100)} % done`} />
					)}
				</Group>
			),
		},
		{
			title: `Best validation ${metricTitle(`.recall@${cutoff}`)}`,
			numeric: true,
			value: (run) => run.bestValue,
			text: (run) => metric(run.bestValue),
			cell: (run) => (
				<span className="together">
					{metric(run.bestValue)}
					<Text span size="xs" c="dimmed">
						{run.bestEpoch ? ` epoch ${run.bestEpoch}` : ""}
					</Text>
				</span>
			),
		},
		{
			title: metricTitle(tested, known),
			numeric: true,
			value: (run) => run.metrics[tested],
			text: (run) => metric(run.metrics[tested]),
			cell: (run) => metric(run.metrics[tested]),
		},
		{
			title: "Time",
			numeric: true,
			value: (run) => run.trainSeconds,
			text: (run) => duration(run.trainSeconds),
			values: [{ title: "Seconds", of: (run) => run.trainSeconds }],
			cell: (run) =>
				run.state === "RUNNING" ? `at most ${duration(run.secondsLeft)} left` : duration(run.trainSeconds),
		},
	];
}
