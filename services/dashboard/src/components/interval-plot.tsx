import { Group, Paper, Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import {
	CartesianGrid,
	ErrorBar,
	ReferenceArea,
	ReferenceLine,
	ResponsiveContainer,
	Scatter,
	ScatterChart,
	XAxis,
	YAxis,
} from "recharts";
import type { IntervalRow } from "../interval-rows";

const ROW = 34;
const AXIS = 34;
const VERDICTS = [
	{ verdict: "ahead", colour: "teal", says: "better after correction" },
	{ verdict: "behind", colour: "orange", says: "worse after correction" },
	{ verdict: "open", colour: "gray", says: "not shown, not settled, or neither way is better" },
] as const;

interface Props {
	title: string;
	rows: IntervalRow[];
	/** Either side of zero: what is practically equal. */
	band: number;
	text: (value: number) => string;
}

/** Differences with their intervals, one below the other, zero between them. */
export function IntervalPlot({ title, rows, band, text }: Props) {
	const { ref, width } = useElementSize();
	const names = Math.round(Math.min(260, Math.max(90, width * 0.32)));
	const placed = rows.map((row, place) => ({ ...row, place }));
	return (
		<Paper withBorder p="sm" component="figure" m={0} aria-label={title}>
			<Text size="sm" fw={600} mb="xs" component="figcaption">
				{title}
			</Text>
			<div ref={ref} className="chart">
				<ResponsiveContainer width="100%" height={rows.length * ROW + AXIS}>
					<ScatterChart margin={{ top: 4, right: 24, bottom: 0, left: 0 }} accessibilityLayer={false}>
						<CartesianGrid horizontal={false} strokeDasharray="3 3" />
						<XAxis type="number" dataKey="value" domain={["auto", "auto"]} tickFormatter={text} tickLine={false} />
						{/* By place, not by name: two pairs may be called the same. */}
						<YAxis
							type="number"
							dataKey="place"
							domain={[-0.5, rows.length - 0.5]}
							ticks={placed.map(({ place }) => place)}
							tickFormatter={(place: number) => rows[place]?.label ?? ""}
							interval={0}
							reversed
							width={names}
							tickLine={false}
							axisLine={false}
						/>
						{band > 0 && <ReferenceArea x1={-band} x2={band} ifOverflow="extendDomain" className="band" />}
						<ReferenceLine x={0} className="zero" />
						{VERDICTS.map(({ verdict, colour }) => (
							<Scatter
								key={verdict}
								data={placed.filter((row) => row.verdict === verdict)}
								fill={`var(--mantine-color-${colour}-6)`}
								isAnimationActive={false}
							>
								<ErrorBar
									dataKey="reach"
									direction="x"
									width={5}
									strokeWidth={2}
									stroke={`var(--mantine-color-${colour}-6)`}
									isAnimationActive={false}
								/>
							</Scatter>
						))}
					</ScatterChart>
				</ResponsiveContainer>
			</div>
			<Group gap="2px 12px">
				{VERDICTS.filter(({ verdict }) => rows.some((row) => row.verdict === verdict)).map(
					({ verdict, colour, says }) => (
						<Text key={verdict} size="xs" c="dimmed">
							<span className="swatch" style={{ background: `var(--mantine-color-${colour}-6)` }} aria-hidden /> {says}
						</Text>
					),
				)}
				{band > 0 && (
					<Text size="xs" c="dimmed">
						<span className="swatch shade" aria-hidden /> practically equal
					</Text>
				)}
			</Group>
		</Paper>
	);
}
