// Intervals of 95 % of what was counted: of a share, and of a mean.

export interface Interval {
	low: number;
	high: number;
}
/** Quantile .975 of the standard normal distribution. */
const Z = 1.959963984540054;

/** Of a share: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference, 1927. Null of nothing. */
export function wilson(hits: number, of: number): Interval | null {
	if (of === 0) return null;
	const share = hits / of;
	const centre = (share + Z ** 2 / (2 * of)) / (1 + Z ** 2 / of);
	const half = (Z / (1 + Z ** 2 / of)) * Math.sqrt((share * (1 - share)) / of + Z ** 2 / (4 * of ** 2));
	return { low: hits === 0 ? 0 : centre - half, high: hits === of ? 1 : centre + half };
}

/** Of a mean, by Student's t, from a count, a sum and a sum of squares. Null below three. */
export function student(count: number, sum: number, squares: number): Interval | null {
	if (count < 3) return null;
	const mean = sum / count;
	const variance = Math.max(0, (squares - sum * mean) / (count - 1));
	const half = tQuantile(count - 1) * Math.sqrt(variance / count);
	return { low: mean - half, high: mean + half };
}

/** Quantile .975, right to 1 % from two degrees of freedom on: Abramowitz and Stegun, Handbook, 26.7.5. */
function tQuantile(degrees: number): number {
	const [z3, z5, z7, z9] = [Z ** 3, Z ** 5, Z ** 7, Z ** 9];
	return (
		Z +
		(z3 + Z) / (4 * degrees) +
		(5 * z5 + 16 * z3 + 3 * Z) / (96 * degrees ** 2) +
		(3 * z7 + 19 * z5 + 17 * z3 - 15 * Z) / (384 * degrees ** 3) +
		(79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * Z) / (92_160 * degrees ** 4)
	);
}
