import { LineChart } from "@mantine/charts";
import { Paper, SimpleGrid, Text } from "@mantine/core";
import type { Protocol } from "@valence/client";
import { colourOf, isDashed } from "../colours";
import { curvesOf, type Line, labelledLevels } from "../curves";
import { metric, metricTitle, tick } from "../format";
import { useMetricDefinitions } from "../queries";

interface Props {
	lines: Line[];
	/** Of the first of them. */
	protocol: Pick<Protocol, "metrics" | "cutoffs"> | undefined;
}

/** The loss, what decides on validation, and the first other metric there, over the epochs of runs. */
export function MetricCharts({ lines, protocol }: Props) {
	const [cutoff = 20] = protocol?.cutoffs ?? [];
	const other = protocol?.metrics.find((name) => name !== "recall");
	return (
		<SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }}>
			<MetricChart split="train" name="loss" lines={lines} />
			<MetricChart split="valid" name={`recall@${cutoff}`} lines={lines} />
			{other && <MetricChart split="valid" name={`${other}@${cutoff}`} lines={lines} />}
		</SimpleGrid>
	);
}

function MetricChart({ split, name, lines }: { split: string; name: string; lines: Line[] }) {
	const title = metricTitle(`${split}.${name}`, useMetricDefinitions());
	const { curves, levels, rows, isUnmeasurable } = curvesOf(lines, split, name);
	// The legend has them all.
	const labelled = lines.length > 1 ? labelledLevels({ curves, levels, rows }) : [];
	return (
		<Paper withBorder p="sm" component="figure" m={0} aria-label={title}>
			<Text size="sm" fw={600} mb="xs" component="figcaption">
				{title}
			</Text>
			{curves.length + levels.length === 0 ? (
				<Text size="sm" c="dimmed" h={200} ta="center" pt={80}>
					{isUnmeasurable ? "Nobody to measure on: the dataset has no such part" : "Nothing measured yet"}
				</Text>
			) : (
				<LineChart
					h={200}
					data={rows}
					dataKey="epoch"
					series={curves.map(({ id, label, index }) => ({
						name: id,
						label,
						color: colourOf(index),
						...(isDashed(index) && { strokeDasharray: "5 3" }),
					}))}
					referenceLines={levels.map(({ value, label, index }) => ({
						y: value,
						color: colourOf(index),
						label: labelled.some((one) => one.index === index) ? label : "",
						labelPosition: "insideBottomRight",
						ifOverflow: "extendDomain",
						...(isDashed(index) && { strokeDasharray: "5 3" }),
					}))}
					withDots={rows.length < 3}
					curveType="linear"
					strokeWidth={1.75}
					xAxisProps={{ type: "number", domain: [rows.length > 1 ? 0 : "dataMin", "dataMax"], allowDecimals: false }}
					yAxisProps={{ domain: ["auto", "auto"], width: 56, tickFormatter: tick }}
					valueFormatter={metric}
					tooltipProps={{
						labelFormatter: (epoch) => `Epoch ${epoch}`,
						itemSorter: (item: { value?: unknown }) => -Number(item.value),
					}}
					lineChartProps={{ syncId: "epochs", margin: { top: 16, right: 16 } }}
				/>
			)}
		</Paper>
	);
}
