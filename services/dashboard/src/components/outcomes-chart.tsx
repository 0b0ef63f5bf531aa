import { CompositeChart } from "@mantine/charts";
import { Group, Paper, Stack, Text } from "@mantine/core";
import { colourOf } from "../colours";
import { percent } from "../format";
import { bandOf, type linesOf, rowsOf, shareText } from "../outcomes";
import { ColourDot } from "./colour-dot";
import { Legend } from "./legend";

const HEIGHT = 200;
type Lines = ReturnType<typeof linesOf>;

/** The share by day, each line in the band of its interval. */
export function OutcomesChart({ lines }: { lines: Lines }) {
	const rows = rowsOf(lines);
	if (rows.length === 0)
		return (
			<Text size="sm" c="dimmed" h={80} ta="center" pt={30}>
				No answer has had its time yet
			</Text>
		);
	return (
		<Stack gap="xs">
			<CompositeChart
				h={HEIGHT}
				data={rows}
				dataKey="day"
				series={lines.flatMap(({ id, label }, index) => [
					{ name: bandOf(id), label, color: colourOf(index), type: "area" as const },
					{ name: id, label, color: colourOf(index), type: "line" as const },
				])}
				areaProps={{ stroke: "none", fillOpacity: 0.15, activeDot: false, dot: false }}
				dotProps={{ r: 2 }}
				connectNulls={false}
				curveType="linear"
				strokeWidth={1.75}
				xAxisProps={{ minTickGap: 32, tickFormatter: (day: string) => day.slice(5) }}
				yAxisProps={{ width: 56, tickFormatter: percent, domain: [0, "auto"] }}
				tooltipProps={{ content: ({ label }) => <OfDay day={String(label)} lines={lines} /> }}
				composedChartProps={{ margin: { top: 8, right: 16 } }}
			/>
			{lines.length > 1 && <Legend lines={lines} />}
		</Stack>
	);
}

function OfDay({ day, lines }: { day: string; lines: Lines }) {
	return (
		<Paper withBorder shadow="md" p="xs">
			<Text size="sm" fw={600}>
				{day}
			</Text>
			{lines.map(({ id, label, days }, index) => {
				const own = days.find((one) => one.day === day);
				return (
					own?.share != null && (
						<Group key={id} gap={6} wrap="nowrap">
							<ColourDot index={index} />
							<Text size="xs">
								{label} {shareText(own)}
							</Text>
						</Group>
					)
				);
			})}
		</Paper>
	);
}
