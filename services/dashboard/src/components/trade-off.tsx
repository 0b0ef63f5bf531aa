import { Group, Paper, Select, Text } from "@mantine/core";
import type { LeaderboardGroup } from "@valence/client";
import { useState } from "react";
import { CartesianGrid, ResponsiveContainer, Scatter, ScatterChart, Tooltip, XAxis, YAxis } from "recharts";
import { isWide, type Measure, type Spot, spotsOf } from "../leaderboard";
import { frontOf } from "../pareto";
import { SpotLabels } from "./spot-labels";

interface Props {
	groups: LeaderboardGroup[];
	measures: Measure[];
	axes: { x: Measure; y: Measure };
	onChange: (axis: "x" | "y", measure: string) => void;
}

const HEIGHT = 380;

/** Configurations by two measures; a line joins those that no other beats in both, where each has a better way. */
export function TradeOff({ groups, measures, axes, onChange }: Props) {
	const { x, y } = axes;
	const [isNumbered, setNumbered] = useState(false);
	const spots = spotsOf(groups, axes);
	const front = x.better && y.better ? frontOf(spots, x.better, y.better) : [];
	const onFront = front.flatMap((id) => spots.find((spot) => spot.id === id) ?? []);
	const behind = spots.filter(({ id }) => !front.includes(id));
	const title = `${y.title} against ${x.title}`;
	const choice = (axis: "x" | "y", label: string) => (
		<Select
			label={label}
			size="xs"
			w={180}
			data={measures.map((one) => ({ value: one.name, label: one.title }))}
			value={axes[axis].name}
			onChange={(name) => name && onChange(axis, name)}
			allowDeselect={false}
		/>
	);
	return (
		<Paper withBorder p="sm" component="figure" m={0} aria-label={title}>
			<Group justify="space-between" align="end" mb="xs">
				<Text size="sm" fw={600} component="figcaption">
					{title}
				</Text>
				<Group gap="xs">
					{choice("y", "Upwards")}
					{choice("x", "To the right")}
				</Group>
			</Group>
			<div className="chart">
				<ResponsiveContainer width="100%" height={HEIGHT}>
					<ScatterChart margin={{ top: 12, right: 24, bottom: 4, left: 0 }}>
						<CartesianGrid strokeDasharray="3 3" />
						<XAxis
							type="number"
							dataKey="x"
							name={x.title}
							tickLine={false}
							{...scaleOf(spots, "x")}
							tickFormatter={x.text}
						/>
						<YAxis
							type="number"
							dataKey="y"
							name={y.title}
							width={64}
							tickLine={false}
							{...scaleOf(spots, "y")}
							tickFormatter={y.text}
						/>
						<Tooltip
							isAnimationActive={false}
							cursor={false}
							content={({ payload }) => <OfSpot spot={payload?.[0]?.payload} axes={axes} />}
						/>
						<Scatter data={behind} fill="var(--mantine-color-gray-6)" isAnimationActive={false} />
						<Scatter
							data={onFront}
							fill="var(--mantine-color-indigo-6)"
							line={{ stroke: "var(--mantine-color-indigo-6)", strokeWidth: 1.5 }}
							isAnimationActive={false}
						/>
						<SpotLabels spots={spots} front={front} onNumbered={setNumbered} />
					</ScatterChart>
				</ResponsiveContainer>
			</div>
			<Text size="xs" c="dimmed">
				{frontText(axes)}
				{isNumbered && ` ${spots.map(({ text }, index) => `${index + 1} ${text}`).join("; ")}.`}
			</Text>
		</Paper>
	);
}

function frontText({ x, y }: Props["axes"]): string {
	const neither = [x, y].filter(({ better: side }) => side === null).map(({ title }) => title);
	return neither.length > 0
		? `Neither more nor less ${[...new Set(neither)].join(" or ")} is better: nothing is joined.`
		: `Joined: no other is better in both (${x.title} ${better(x)}, ${y.title} ${better(y)}).`;
}

const better = ({ better: side }: Measure) => (side === "higher" ? "as high as can be" : "as low as can be");

const scaleOf = (spots: Spot[], axis: "x" | "y") =>
	isWide(spots.map((spot) => spot[axis]))
		? ({ scale: "log", domain: ["auto", "auto"] } as const)
		: ({ domain: ["auto", "auto"] } as const);

const OfSpot = ({ spot, axes: { x, y } }: { spot: Spot | undefined; axes: Props["axes"] }) =>
	spot && (
		<Paper withBorder shadow="md" p="xs" maw={260}>
			<Text size="sm" fw={600} className="breaks">
				{spot.text}
			</Text>
			<Text size="xs">
				{y.title} {y.text(spot.y)}
				<br />
				{x.title} {x.text(spot.x)}
			</Text>
		</Paper>
	);
