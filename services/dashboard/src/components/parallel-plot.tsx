import { Paper, Slider, Text } from "@mantine/core";
import { useElementSize } from "@mantine/hooks";
import { endingOf, type SearchDetail, type SearchTrial } from "@valence/client";
import type { PointerEvent } from "react";
import { brief, metric } from "../format";
import { type Axis, axesOf, linesOf, nearestLine } from "../parallel-coordinates";

interface Props {
	search: SearchDetail;
	/** Of the value. */
	title: string;
	/** The trial that is pointed at, here or elsewhere on the page. */
	shown: number | null;
	onShow: (number: number | null) => void;
}

/** Narrower than this an axis, and axes lie below each other. */
const NARROWEST_AXIS = 110;
const HEIGHT = 300;
const ROW = 64;
const MARGIN = { x: 52, y: 44, foot: 22 };

/** Trials as lines across the fields they tried and what came of it: the better, the stronger. */
export function ParallelPlot({ search, title, shown, onShow }: Props) {
	const { ref, width } = useElementSize();
	const values = search.history.flatMap(({ value }) => value ?? []);
	const fields = Object.keys(search.space);
	const axes = axesOf(search.space, title, values);
	const lines = linesOf(axes, fields, search.history);
	const isStacked = width / axes.length < NARROWEST_AXIS;
	const numbers = lines.map(({ number }) => number).sort((a, b) => a - b);
	const height = isStacked ? axes.length * ROW : HEIGHT;
	const inner = { width: width - 2 * MARGIN.x, height: height - MARGIN.y - MARGIN.foot };
	const along = (index: number) => index / Math.max(axes.length - 1, 1);
	const pointOf = (index: number, place: number): [number, number] =>
		isStacked
			? [MARGIN.x + place * inner.width, MARGIN.y + along(index) * inner.height]
			: [MARGIN.x + along(index) * inner.width, MARGIN.y + (1 - place) * inner.height];
	const point = ({ currentTarget, clientX, clientY }: PointerEvent<SVGSVGElement>) => {
		const box = currentTarget.getBoundingClientRect();
		const [right, down] = [
			(clientX - box.left - MARGIN.x) / inner.width,
			(clientY - box.top - MARGIN.y) / inner.height,
		];
		onShow(isStacked ? nearestLine(lines, down, right) : nearestLine(lines, right, 1 - down));
	};
	const told = search.history.find(({ number }) => number === shown);
	return (
		<Paper withBorder p="sm" component="figure" m={0} aria-label="Parallel coordinates">
			<Text size="sm" fw={600} mb="xs" component="figcaption">
				What was tried, and what came of it
			</Text>
			<div ref={ref} className="chart">
				{lines.length === 0 ? (
					<Text size="sm" c="dimmed" ta="center" py={80}>
						No trial has a value yet
					</Text>
				) : (
					width > 0 && (
						<svg
							width={width}
							height={height}
							role="img"
							aria-label={`${lines.length} trials across ${axes.map((axis) => axis.title).join(", ")}; the table of trials has them all`}
							onPointerMove={point}
							onPointerDown={point}
							onPointerLeave={(event) => event.pointerType === "mouse" && onShow(null)}
						>
							{lines.map(({ number, places, merit }) => (
								<polyline
									key={number}
									points={places.map((place, index) => pointOf(index, place).join(",")).join(" ")}
									className={number === shown ? "trial shown" : shown === null ? "trial" : "trial behind"}
									style={{ "--merit": `${Math.round(20 + 80 * merit)}%` } as React.CSSProperties}
									data-trial={number}
								/>
							))}
							{axes.map((axis, index) => (
								<AxisOf
									key={axis.title}
									axis={axis}
									pointAt={(place) => pointOf(index, place)}
									isStacked={isStacked}
									isLast={index === axes.length - 1}
								/>
							))}
						</svg>
					)
				)}
			</div>
			{numbers.length > 1 && (
				<Slider
					mt="xs"
					size="sm"
					thumbLabel="Trial that is shown"
					label={(place) => `Trial ${numbers[place]}`}
					min={0}
					max={numbers.length - 1}
					value={Math.max(0, shown === null ? 0 : numbers.indexOf(shown))}
					onChange={(place) => onShow(numbers[place] ?? null)}
				/>
			)}
			<Text size="xs" c="dimmed" role="status" mt={6} mih={36} className="breaks">
				{told ? sentenceOf(told, title) : "Point at a line, or move the slider, to see one trial."}
			</Text>
		</Paper>
	);
}

function sentenceOf(trial: SearchTrial, title: string): string {
	const chosen = Object.entries(trial.chosen ?? {}).map(([field, value]) => `${field}=${brief(value)}`);
	return `Trial ${trial.number}, ${endingOf(trial)}: ${chosen.join(" ")}, ${title} ${metric(trial.value)}`;
}

interface AxisProps {
	axis: Axis;
	pointAt: (place: number) => [number, number];
	isStacked: boolean;
	isLast: boolean;
}

function AxisOf({ axis: { title, note, ticks }, pointAt, isStacked, isLast }: AxisProps) {
	const [[x1, y1], [x2, y2]] = [pointAt(0), pointAt(1)];
	const name = `${title}${note && `, ${note}`}`;
	return (
		<g aria-hidden>
			<line x1={x1} y1={y1} x2={x2} y2={y2} className="axis" />
			<text
				x={isStacked ? x1 - MARGIN.x + 2 : isLast ? x2 + MARGIN.x - 2 : x2}
				y={isStacked ? y1 - 18 : y2 - 18}
				textAnchor={isStacked ? "start" : isLast ? "end" : "middle"}
				className="axis-title"
			>
				{name}
			</text>
			{ticks.map(({ at, text }) => {
				const [x, y] = pointAt(at);
				return isStacked ? (
					<text key={text} x={x} y={y + 14} textAnchor="middle" className="axis-tick">
						{text}
					</text>
				) : (
					<text key={text} x={x - 6} y={y + 4} textAnchor="end" className="axis-tick">
						{text}
					</text>
				);
			})}
		</g>
	);
}
