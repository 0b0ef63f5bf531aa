// Points that no other beats in both of two measures, and labels that cover none of each other.

export type Better = "higher" | "lower";
export interface Point {
	id: string;
	x: number;
	y: number;
}

/** Ids of the points on the front, from left to right. */
export function frontOf(points: Point[], x: Better, y: Better): string[] {
	const [signX, signY] = [x, y].map((better) => (better === "higher" ? 1 : -1)) as [number, number];
	const beats = (a: Point, b: Point) => {
		const [right, up] = [signX * (a.x - b.x), signY * (a.y - b.y)];
		return right >= 0 && up >= 0 && right + up > 0;
	};
	return points
		.filter((one) => !points.some((other) => beats(other, one)))
		.sort((a, b) => a.x - b.x)
		.map(({ id }) => id);
}

export interface Box {
	x: number;
	y: number;
	width: number;
	height: number;
}
export interface Label extends Box {
	id: string;
	text: string;
}

const CHARACTER = 6.6;
const HEIGHT = 14;
const DOT = 6;
/** As far as boxes along a line lie apart. */
const STEP = 6;
/** From beside the point to ever farther around it. */
const PLACES = [0, 1, 2, 3].flatMap((ring) => {
	const far = ring * 16;
	return [
		[1, 0],
		[-1, 0],
		[0, -1],
		[0, 1],
		[1, -1],
		[1, 1],
		[-1, -1],
		[-1, 1],
	].map(([right = 0, down = 0]) => ({ right, down, far }));
});

const overlap = (a: Box, b: Box) =>
	a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
const inside = (box: Box, area: Box) =>
	box.x >= area.x &&
	box.y >= area.y &&
	box.x + box.width <= area.x + area.width &&
	box.y + box.height <= area.y + area.height;

type Named = Point & { text: string };

/** Small boxes along a line through the points, for labels to keep off. */
export function alongLine(points: Pick<Point, "x" | "y">[]): Box[] {
	return points.slice(1).flatMap((to, index) => {
		const from = points[index] ?? to;
		const steps = Math.ceil(Math.hypot(to.x - from.x, to.y - from.y) / STEP);
		return Array.from({ length: steps }, (_, step) => ({
			x: from.x + ((to.x - from.x) * step) / steps - 1,
			y: from.y + ((to.y - from.y) * step) / steps - 1,
			width: 2,
			height: 2,
		}));
	});
}

/** Names where there is room for all of them, else their numbers, of which those stay away that find no room. */
export function labelled(points: Named[], area: Box, kept: Box[] = []): { labels: Label[]; isNumbered: boolean } {
	const names = placed(points, area, kept);
	if (names.length === points.length) return { labels: names, isNumbered: false };
	const numbers = points.map((point, index) => ({ ...point, text: String(index + 1) }));
	return { labels: placed(numbers, area, kept), isNumbered: true };
}

/** Texts beside points, all in pixels: inside the area, over no other text, point or kept box; without those that find no place. */
export function placed(points: Named[], area: Box, kept: Box[] = []): Label[] {
	const dots = points.map(({ x, y }) => ({ x: x - DOT, y: y - DOT, width: 2 * DOT, height: 2 * DOT }));
	const taken: Box[] = [...dots, ...kept];
	const labels: Label[] = [];
	for (const { id, x, y, text } of points) {
		const width = text.length * CHARACTER;
		const free = PLACES.map(({ right, down, far }) => ({
			x: x + right * (DOT + 2 + far) - (right < 0 ? width : right === 0 ? width / 2 : 0),
			y: y + down * (DOT + far) - (down < 0 ? HEIGHT : down === 0 ? HEIGHT / 2 : 0),
			width,
			height: HEIGHT,
		})).find((box) => inside(box, area) && !taken.some((one) => overlap(one, box)));
		if (!free) continue;
		taken.push(free);
		labels.push({ id, text, ...free });
	}
	return labels;
}
