import { Alert } from "@mantine/core";
import { ExclamationTriangleIcon } from "@radix-ui/react-icons";
import { useQueries } from "@tanstack/react-query";
import type { RunDetail } from "@valence/client";
import { comparedOf } from "../compared";
import { seriesQuery } from "../queries";
import { ConfigDifferences } from "./config-differences";
import { Legend } from "./legend";
import { MetricCharts } from "./metric-chart";
import { RunMetrics } from "./run-metrics";

/** Curves on top of each other, metrics side by side, and what the runs differ in. */
export function Comparison({ runs, remove }: { runs: RunDetail[]; remove: (id: string) => void }) {
	const series = useQueries({ queries: runs.map((run) => seriesQuery(run)) });
	const compared = comparedOf(runs);
	const lines = compared.map(({ run, label }, index) => ({
		id: run.id,
		label,
		series: series[index]?.data?.series ?? [],
	}));
	const protocols = new Set(runs.map((run) => run.protocol.hash));
	return (
		<>
			{protocols.size > 1 && (
				<Alert
					color="orange"
					icon={<ExclamationTriangleIcon width={18} height={18} />}
					title="These numbers do not compare"
					role="alert"
				>
					The runs were measured under {protocols.size} different protocols: another split, other masked items, other
					metrics or other cut-offs. Launch them in one experiment, or evaluate their checkpoints under one rule.
				</Alert>
			)}
			<MetricCharts lines={lines} protocol={runs[0]?.protocol} />
			<Legend lines={lines} />
			<RunMetrics compared={compared} isComparable={protocols.size === 1} remove={remove} />
			<ConfigDifferences compared={compared} />
		</>
	);
}
