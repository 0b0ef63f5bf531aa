import { Group, Pagination, Stack, Table, Text } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { count } from "../format";
import { type Sortable, sortRows } from "../sorting";
import type { TextColumn } from "../table-text";
import { SortHeading, SortMenu } from "./sort-controls";
import { TableMenu } from "./table-menu";

export interface Column<T> {
	title: string;
	cell: (row: T) => ReactNode;
	/** What the column sorts by; a column without it does not sort. */
	value?: (row: T) => Sortable;
	/** Numbers line up on the right and sort from the best. */
	numeric?: boolean;
	/** The title is read out but not shown: ticks and buttons. */
	bare?: boolean;
	/** Names the row: the heading of its card on a phone. */
	lead?: boolean;
	width?: number | string;
	/** As the table is taken along; the value it sorts by unless given. */
	text?: TextColumn<T>["text"];
	values?: TextColumn<T>["values"];
	isBest?: TextColumn<T>["isBest"];
}

interface Props<T> {
	label: string;
	columns: Column<T>[];
	rows: T[];
	keyOf: (row: T) => string;
	/** Title of the column sorted by at first. */
	sort?: string;
	/** Whether the lowest comes first then. */
	isAscending?: boolean;
	pageSize?: number;
	/** How many there are where the rows are only the first of them. */
	total?: number;
	/** Many numbers side by side: stays a table on a phone and scrolls, its first column held. */
	scrolls?: boolean;
	/** What the table is called where it is taken along; else it is not. */
	takenAs?: string;
	/** What its marks say, where it is taken along. */
	notes?: string[];
}

/** A table that sorts, pages, and becomes a list of cards on a phone. */
export function DataTable<T>({
	label,
	columns,
	rows,
	keyOf,
	sort,
	isAscending = false,
	pageSize = 50,
	total,
	scrolls = false,
	takenAs,
	notes = [],
}: Props<T>) {
	const [pressed, setBy] = useState<{ title: string; descending: boolean }>();
	const by = pressed ?? { title: sort, descending: !isAscending };
	const [page, setPage] = useState(1);
	const value = columns.find((column) => column.title === by.title)?.value;
	const sorted = value ? sortRows(rows, value, by.descending) : rows;
	const pages = Math.ceil(rows.length / pageSize);
	const first = (Math.min(page, Math.max(pages, 1)) - 1) * pageSize;
	const press = (column: Column<T>) =>
		setBy({
			title: column.title,
			descending: by.title === column.title ? !by.descending : column.numeric === true,
		});
	return (
		<Stack gap="xs">
			{!scrolls && rows.length > 1 && <SortMenu label={label} columns={columns} by={by} onPress={press} />}
			<div
				className="wide"
				{...(scrolls && { tabIndex: 0, role: "region", "aria-label": `${label}, scrolls sideways` })}
			>
				<Table className={scrolls ? "held" : "cards"} highlightOnHover={!scrolls} aria-label={label}>
					<Table.Thead>
						<Table.Tr>
							{columns.map((column) => (
								<Table.Th
									key={column.title}
									w={column.width}
									ta={column.numeric ? "right" : undefined}
									aria-sort={
										column.value && (by.title !== column.title ? "none" : by.descending ? "descending" : "ascending")
									}
								>
									<SortHeading column={column} by={by} onPress={() => press(column)} />
								</Table.Th>
							))}
						</Table.Tr>
					</Table.Thead>
					<Table.Tbody>
						{sorted.slice(first, first + pageSize).map((row) => (
							<Table.Tr key={keyOf(row)}>
								{columns.map((column) => (
									<Table.Td
										key={column.title}
										data-label={column.title}
										data-lead={column.lead}
										ta={column.numeric ? "right" : undefined}
									>
										<div>{column.cell(row)}</div>
									</Table.Td>
								))}
							</Table.Tr>
						))}
					</Table.Tbody>
				</Table>
			</div>
			{takenAs !== undefined && rows.length > 0 && (
				<Group justify="end">
					<TableMenu table={{ title: takenAs, columns: textColumns(columns), rows: sorted, notes }} />
				</Group>
			)}
			{pages > 1 && (
				<Group justify="space-between">
					<Text size="sm" c="dimmed">
						{count(first + 1)} to {count(Math.min(first + pageSize, rows.length))} of{" "}
						{count(Math.max(total ?? 0, rows.length))}
						{total !== undefined && total > rows.length && `; the first ${count(rows.length)} are here`}
					</Text>
					<Pagination
						size="sm"
						total={pages}
						value={Math.min(page, pages)}
						onChange={setPage}
						getControlProps={(control) => ({ "aria-label": `${control} page of ${label}` })}
						getItemProps={(item) => ({ "aria-label": `Page ${item} of ${label}` })}
					/>
				</Group>
			)}
		</Stack>
	);
}

/** Columns that say something as text; buttons and ticks do not. */
const textColumns = <T,>(columns: Column<T>[]): TextColumn<T>[] =>
	columns.flatMap(({ title, numeric = false, bare, value, text, values, isBest }) => {
		const say = text ?? (value && ((row: T) => String(value(row) ?? "–")));
		if (bare || !say) return [];
		return [
			{
				title,
				numeric,
				text: say,
				...(values ? { values } : value && { values: [{ title, of: value }] }),
				...(isBest && { isBest }),
			},
		];
	});
