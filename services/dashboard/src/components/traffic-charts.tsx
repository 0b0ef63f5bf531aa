import { BarChart, LineChart } from "@mantine/charts";
import { Paper, SimpleGrid, Text } from "@mantine/core";
import type { Serving } from "@valence/client";
import type { ReactNode } from "react";
import { percent, tick } from "../format";
import { rowsOf, TIERS } from "../traffic";

const HEIGHT = 180;
const Y_AXIS = { width: 56, tickFormatter: tick };
/** Hours and minutes; the tooltip has the seconds. */
const X_AXIS = { minTickGap: 32, tickFormatter: (at: string) => at.slice(0, 5) };
const LEGEND = { verticalAlign: "bottom", height: 32 } as const;

/** The last quarter of an hour: how much was asked, how fast it was answered, and by what. */
export function TrafficCharts({ traffic }: { traffic: Serving["traffic"] }) {
	const rows = rowsOf(traffic);
	return (
		<SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
			<Chart title="Requests a second">
				<LineChart
					h={HEIGHT}
					data={rows}
					dataKey="at"
					series={[{ name: "rate", label: "Requests a second", color: "indigo.6" }]}
					withDots={false}
					curveType="linear"
					strokeWidth={1.75}
					xAxisProps={X_AXIS}
					yAxisProps={Y_AXIS}
					valueFormatter={tick}
				/>
			</Chart>
			<Chart title="Milliseconds to answer">
				<LineChart
					h={HEIGHT}
					data={rows}
					dataKey="at"
					series={[
						{ name: "p50", color: "indigo.6" },
						{ name: "p99", color: "orange.6", strokeDasharray: "5 3" },
					]}
					// A window between two without requests is no line.
					dotProps={{ r: 1 }}
					withLegend
					legendProps={LEGEND}
					connectNulls={false}
					curveType="linear"
					strokeWidth={1.75}
					xAxisProps={X_AXIS}
					yAxisProps={Y_AXIS}
					valueFormatter={(value) => `${tick(value)} ms`}
				/>
			</Chart>
			<Chart title="Answered by">
				<BarChart
					h={HEIGHT}
					data={rows}
					dataKey="at"
					type="stacked"
					series={TIERS.map(({ tier, label, color }) => ({ name: tier, label, color }))}
					withLegend
					legendProps={LEGEND}
					xAxisProps={X_AXIS}
					yAxisProps={{ width: 56, domain: [0, 1], ticks: [0, 0.5, 1], tickFormatter: percent }}
					valueFormatter={percent}
					barChartProps={{ barCategoryGap: 0 }}
				/>
			</Chart>
		</SimpleGrid>
	);
}

const Chart = ({ title, children }: { title: string; children: ReactNode }) => (
	<Paper withBorder p="sm" component="figure" m={0} aria-label={title}>
		<Text size="sm" fw={600} mb="xs" component="figcaption">
			{title}
		</Text>
		{children}
	</Paper>
);
