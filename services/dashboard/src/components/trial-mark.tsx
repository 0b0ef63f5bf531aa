import type { Ending } from "@valence/client";

/** The shape says how a trial ended; colour only says it again. */
export const MARKS: Record<Ending, { colour: string; says: string }> = {
	complete: { colour: "indigo", says: "complete" },
	pruned: { colour: "orange", says: "pruned: fell behind" },
	running: { colour: "teal", says: "running, best so far of its epochs" },
	failed: { colour: "red", says: "failed: no value" },
	cancelled: { colour: "gray", says: "cancelled" },
	waiting: { colour: "gray", says: "waiting" },
};

interface Props {
	ending: Ending;
	x: number;
	y: number;
	size?: number;
}

/** A disc, a triangle, a ring, a cross or a bar around a point of a drawing. */
export function TrialMark({ ending, x, y, size = 5 }: Props) {
	const colour = `var(--mantine-color-${MARKS[ending].colour}-6)`;
	const stroke = { stroke: colour, strokeWidth: 2, fill: "none" };
	if (ending === "complete") return <circle cx={x} cy={y} r={size - 0.5} fill={colour} />;
	if (ending === "running" || ending === "waiting") return <circle cx={x} cy={y} r={size - 1} {...stroke} />;
	if (ending === "pruned")
		return <path d={`M${x - size},${y - size + 1}h${2 * size}L${x},${y + size}Z`} fill={colour} />;
	if (ending === "cancelled") return <path d={`M${x - size},${y}h${2 * size}`} {...stroke} />;
	const arm = size - 1;
	return <path d={`M${x - arm},${y - arm}l${2 * arm},${2 * arm}m0,${-2 * arm}l${-2 * arm},${2 * arm}`} {...stroke} />;
}
