import { useEffect } from "react";
import { usePlotArea, useXAxisScale, useYAxisScale } from "recharts";
import type { Spot } from "../leaderboard";
import { alongLine, labelled } from "../pareto";

interface Props {
	spots: Spot[];
	/** Ids of those that a line joins, in its order. */
	front: string[];
	onNumbered: (isNumbered: boolean) => void;
}

/** The names of all spots beside them; numbers in the order of the table where there is no room for names. */
export function SpotLabels({ spots, front, onNumbered }: Props) {
	const [x, y, area] = [useXAxisScale(), useYAxisScale(), usePlotArea()];
	const points = spots.flatMap((spot) => {
		const [right, down] = [x?.(spot.x), y?.(spot.y)];
		return right === undefined || down === undefined ? [] : [{ ...spot, x: right, y: down }];
	});
	const line = alongLine(front.flatMap((id) => points.find((point) => point.id === id) ?? []));
	const { labels, isNumbered } = area ? labelled(points, area, line) : { labels: [], isNumbered: false };
	useEffect(() => onNumbered(isNumbered), [isNumbered, onNumbered]);
	return (
		<g aria-hidden>
			{labels.map(({ id, text, x: left, y: top, height }) => (
				<text key={id} x={left} y={top + height - 3}>
					{text}
				</text>
			))}
		</g>
	);
}
