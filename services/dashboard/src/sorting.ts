// The order of a table's rows under one of its columns.
export type Sortable = number | string | null | undefined;

/** Rows by a value; what has none comes last either way, equals keep their order. */
export function sortRows<T>(rows: T[], value: (row: T) => Sortable, descending: boolean): T[] {
	return [...rows].sort((a, b) => {
		const [left, right] = [value(a), value(b)];
		if (left == null || right == null) return left == null && right == null ? 0 : left == null ? 1 : -1;
		const order =
			typeof left === "number" && typeof right === "number" ? left - right : String(left).localeCompare(String(right));
		return descending ? -order : order;
	});
}
