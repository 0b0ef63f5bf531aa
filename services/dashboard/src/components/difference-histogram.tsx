import { BarChart } from "@mantine/charts";
import { Group, Paper, Text } from "@mantine/core";
import { axisTicks, bars, type Side } from "../comparison-view";
import type { Finding } from "../findings";
import { count, tick } from "../format";

/** Green is who is better off. */
function coloursOf(better: Finding["better"]): Record<Side, string> {
	if (better === null) return { less: "grape.6", same: "gray.6", more: "indigo.6" };
	return better === "lower"
		? { less: "teal.6", same: "gray.6", more: "orange.6" }
		: { less: "orange.6", same: "gray.6", more: "teal.6" };
}

interface Props {
	finding: Pick<Finding, "title" | "better" | "histogram">;
}

/** Users by how much more or less they have. */
export function DifferenceHistogram({ finding: { title, better, histogram } }: Props) {
	const ticks = axisTicks(histogram, (value) => tick(value).replace("-", "−"));
	const data = bars(histogram).map(({ low, high, users, side }) => ({
		bin: `${tick(low)} to ${tick(high)}`,
		[side]: users,
	}));
	return (
		<Paper withBorder p="sm" component="figure" m={0} aria-label={`Users by difference in ${title}`}>
			<Text size="sm" fw={600} mb="xs" component="figcaption">
				Users by difference in {title}
			</Text>
			<BarChart
				h={200}
				data={data}
				dataKey="bin"
				type="stacked"
				series={Object.entries(coloursOf(better)).map(([name, color]) => ({ name, color }))}
				xAxisProps={{
					ticks: [...ticks.keys()].map((place) => data[place]?.bin ?? ""),
					interval: 0,
					tickFormatter: (bin: string) => ticks.get(data.findIndex((one) => one.bin === bin)) ?? "",
				}}
				yAxisProps={{ width: 48, tickCount: 4, allowDecimals: false, tickFormatter: count }}
				valueFormatter={(users) => count(users)}
				barChartProps={{ margin: { top: 8, right: 8 }, barCategoryGap: 1 }}
			/>
			<Group justify="space-between">
				<Text size="xs" c="dimmed">
					← less
				</Text>
				<Text size="xs" c="dimmed">
					more →
				</Text>
			</Group>
		</Paper>
	);
}
