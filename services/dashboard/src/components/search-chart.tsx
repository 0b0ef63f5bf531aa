import { Group, Paper, Text } from "@mantine/core";
import type { Ending, SearchDetail } from "@valence/client";
import { CartesianGrid, ComposedChart, Line, ResponsiveContainer, Scatter, Tooltip, XAxis, YAxis } from "recharts";
import { metric, tick } from "../format";
import { type HistoryPoint, historyRows } from "../search-history";
import { MARKS, TrialMark } from "./trial-mark";

const HEIGHT = 260;
const SHOWN: Ending[] = ["complete", "pruned", "running", "failed", "cancelled"];

interface Props {
	search: SearchDetail;
	/** Of the value. */
	title: string;
	/** Of a box that has a frame already. */
	isInside?: boolean;
}

/** The values of trials in their order, and the best so far. */
export function SearchChart({ search, title, isInside = false }: Props) {
	const { points, best } = historyRows(search.history);
	return (
		<Paper withBorder={!isInside} p={isInside ? 0 : "sm"} component="figure" m={0} aria-label="History">
			<Text size="sm" fw={600} mb="xs" component="figcaption">
				History: {title} of each trial
			</Text>
			{points.length === 0 ? (
				<Text size="sm" c="dimmed" h={HEIGHT} ta="center" pt={HEIGHT / 2 - 10}>
					No trial has a value yet
				</Text>
			) : (
				<div className="chart">
					<ResponsiveContainer width="100%" height={HEIGHT}>
						<ComposedChart margin={{ top: 8, right: 16, bottom: 4, left: 0 }}>
							<CartesianGrid strokeDasharray="3 3" />
							<XAxis
								type="number"
								dataKey="number"
								domain={[0, Math.max(search.trials - 1, 1)]}
								allowDecimals={false}
								allowDuplicatedCategory={false}
								tickLine={false}
							/>
							<YAxis type="number" domain={["auto", "auto"]} width={56} tickFormatter={tick} tickLine={false} />
							<Tooltip
								isAnimationActive={false}
								cursor={false}
								shared={false}
								content={({ payload }) => <OfPoint point={payload?.[0]?.payload} title={title} />}
							/>
							<Line
								data={best}
								dataKey="value"
								type="stepAfter"
								stroke="var(--mantine-color-dimmed)"
								strokeWidth={1.75}
								dot={false}
								activeDot={false}
								tooltipType="none"
								isAnimationActive={false}
							/>
							<Scatter
								data={points}
								dataKey="value"
								shape={({ cx, cy, payload }: { cx?: number; cy?: number; payload?: HistoryPoint }) =>
									payload ? <TrialMark ending={payload.ending} x={cx ?? 0} y={cy ?? 0} /> : <g />
								}
								isAnimationActive={false}
							/>
						</ComposedChart>
					</ResponsiveContainer>
				</div>
			)}
			<Group gap="2px 14px">
				{SHOWN.filter((ending) => points.some((point) => point.ending === ending)).map((ending) => (
					<Text key={ending} size="xs" c="dimmed" className="together">
						<svg width={12} height={12} aria-hidden>
							<TrialMark ending={ending} x={6} y={6} />
						</svg>{" "}
						{MARKS[ending].says}
					</Text>
				))}
				{best.length > 0 && (
					<Text size="xs" c="dimmed">
						— best complete one so far
					</Text>
				)}
			</Group>
		</Paper>
	);
}

const OfPoint = ({ point, title }: { point: HistoryPoint | undefined; title: string }) =>
	point?.ending && (
		<Paper withBorder shadow="md" p="xs">
			<Text size="sm" fw={600}>
				Trial {point.number}, {point.ending}
			</Text>
			<Text size="xs">{point.measured === null ? "No value" : `${title} ${metric(point.measured)}`}</Text>
		</Paper>
	);
