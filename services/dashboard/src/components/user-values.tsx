import { Anchor, Button, Group, Stack, Table, Text, TextInput } from "@mantine/core";
import type { UserValuesPage } from "@valence/client";
import { useState } from "react";
import { Link } from "react-router";
import { metric } from "../format";
import { readingOrder, shownOf } from "../measures";
import { type Measured, useMetricDefinitions, useUserValues } from "../queries";
import type { TextColumn } from "../table-text";
import { useAddress } from "../use-address";
import { columnsOf, FACTS, pressed, type ValueColumn } from "../user-values";
import { CursorPages } from "./cursor-pages";
import { DownloadButton } from "./download-button";
import { Panel } from "./facts";
import { Loaded } from "./feedback";
import { MeasureChoice } from "./measure-choice";
import { SortHeading, SortMenu } from "./sort-controls";
import { TableMenu } from "./table-menu";

interface Props {
	of: Measured;
	/** Where a user is shown. */
	pathOf: (user: string) => string;
}

/** What was measured of single users. The address says which of them, and in which order. */
export const UserValues = ({ of, pathOf }: Props) => (
	<Panel title="Users" actions={<Downloads of={of} />}>
		<FoundUsers key={of.id} of={of} pathOf={pathOf} />
	</Panel>
);

const Downloads = ({ of }: { of: Measured }) => (
	<Group gap="xs">
		{["csv", "parquet"].map((format) => (
			<DownloadButton
				key={format}
				path={`/${of.kind}/${of.id}/users/file?format=${format}`}
				label={`Download ${format === "csv" ? "CSV" : "Parquet"}`}
			/>
		))}
	</Group>
);

function FoundUsers({ of, pathOf }: Props) {
	const { search, change } = useAddress();
	const [user, setUser] = useState(search.get("user") ?? "");
	const asked = (name: string) => search.get(name) ?? undefined;
	const query = useUserValues(of, {
		sort: asked("sort"),
		order: asked("order"),
		cursor: asked("cursor"),
		user: asked("user"),
	});
	return (
		<Stack gap="sm">
			<form
				onSubmit={(event) => {
					event.preventDefault();
					change({ user: user || null, cursor: null });
				}}
			>
				<Group gap="xs" align="end">
					<TextInput
						label="One user"
						placeholder="The whole id"
						size="xs"
						autoComplete="off"
						value={user}
						onChange={(event) => setUser(event.currentTarget.value)}
					/>
					<Button type="submit" size="xs" variant="default">
						Find
					</Button>
					{search.has("user") && (
						<Button
							size="xs"
							variant="subtle"
							onClick={() => {
								setUser("");
								change({ user: null });
							}}
						>
							Everybody
						</Button>
					)}
				</Group>
			</form>
			<Loaded query={query}>{(page) => <ValuesTable page={page} pathOf={pathOf} />}</Loaded>
		</Stack>
	);
}

/** As the page of the table that is shown is taken along; the files have everybody. */
const textColumn = ({ name, title }: ValueColumn): TextColumn<UserValuesPage["items"][number]> => {
	if (name === "user") return { title, text: ({ user }) => user };
	if (name === "history" || name === "items") {
		const of = (row: UserValuesPage["items"][number]) => row[name];
		return { title, numeric: true, text: (row) => String(of(row)), values: [{ title, of }] };
	}
	const of = ({ values }: UserValuesPage["items"][number]) => values[name];
	return { title, numeric: true, text: (row) => metric(of(row)), values: [{ title, of }] };
};

function ValuesTable({ page, pathOf }: { page: UserValuesPage; pathOf: Props["pathOf"] }) {
	const { search, change } = useAddress();
	const known = useMetricDefinitions();
	const [measures, setMeasures] = useState<string[] | null>(null);
	const byReading = readingOrder(known);
	const names = page.columns.map((name) => `.${name}`).sort(byReading);
	const shown = shownOf(names, measures);
	const columns = columnsOf(
		shown.map((name) => name.slice(1)),
		known,
	).map((column) => ({ ...column, value: true }));
	const now = { sort: search.get("sort"), order: search.get("order") };
	const by = { title: columns.find(({ name }) => name === now.sort)?.title, descending: now.order === "desc" };
	const press = ({ name }: { name: string }) => change(pressed(name, now));
	if (page.items.length === 0) {
		return (
			<Text size="sm" c="dimmed">
				{search.has("user") ? "This user was not measured." : "Nobody has an item to be measured by."}
			</Text>
		);
	}
	return (
		<>
			<Group justify="space-between">
				<CursorPages page={page} names={["user measured", "users measured"]} />
				<MeasureChoice label="Users" names={names} shown={shown} onChange={setMeasures} />
			</Group>
			<SortMenu label="Users" columns={columns} by={by} onPress={press} />
			<section className="wide" aria-label="Values of users, scrolls sideways">
				<Table className="held" aria-label="Values of users">
					<Table.Thead>
						<Table.Tr>
							{columns.map((column) => (
								<Table.Th
									key={column.name}
									ta={column.name === "user" ? undefined : "right"}
									aria-sort={by.title !== column.title ? "none" : by.descending ? "descending" : "ascending"}
								>
									<SortHeading column={column} by={by} onPress={() => press(column)} />
								</Table.Th>
							))}
						</Table.Tr>
					</Table.Thead>
					<Table.Tbody>
						{page.items.map(({ user, history, items, values }) => (
							<Table.Tr key={user}>
								<Table.Td>
									<Anchor component={Link} to={pathOf(user)} size="sm" className="breaks">
										{user}
									</Anchor>
								</Table.Td>
								<Table.Td ta="right">{history}</Table.Td>
								<Table.Td ta="right">{items}</Table.Td>
								{columns.slice(FACTS.length).map(({ name }) => (
									<Table.Td key={name} ta="right">
										{metric(values[name])}
									</Table.Td>
								))}
							</Table.Tr>
						))}
					</Table.Tbody>
				</Table>
			</section>
			<Group justify="end">
				<TableMenu
					table={{
						title: "Values of users",
						columns: columns.map((column) => textColumn(column)),
						rows: page.items,
						notes: [`${page.items.length} of ${page.total} users, in the order shown.`],
					}}
				/>
			</Group>
		</>
	);
}
