import { ActionIcon, Group, NativeSelect, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { ArrowDownIcon, ArrowUpIcon } from "@radix-ui/react-icons";

interface Sorting {
	title: string | undefined;
	descending: boolean;
}
interface Sorted {
	title: string;
	/** Present where the column sorts. */
	value?: unknown;
	bare?: boolean;
}

const Arrow = ({ by }: { by: Sorting }) =>
	by.descending ? (
		<ArrowDownIcon width={12} height={12} aria-hidden />
	) : (
		<ArrowUpIcon width={12} height={12} aria-hidden />
	);

export function SortHeading({ column, by, onPress }: { column: Sorted; by: Sorting; onPress: () => void }) {
	if (column.bare) return <VisuallyHidden>{column.title}</VisuallyHidden>;
	if (!column.value) return <>{column.title}</>;
	return (
		<UnstyledButton className="sort" onClick={onPress}>
			{column.title}
			{by.title === column.title && <Arrow by={by} />}
		</UnstyledButton>
	);
}

interface MenuProps<C> {
	label: string;
	columns: C[];
	by: Sorting;
	onPress: (column: C) => void;
}

/** Sorting where the rows are cards, which have no headings to press. */
export function SortMenu<C extends Sorted>({ label, columns, by, onPress }: MenuProps<C>) {
	const sortable = columns.filter((column) => column.value);
	if (sortable.length === 0) return null;
	const current = sortable.find(({ title }) => title === by.title);
	return (
		<Group gap="xs" hiddenFrom="sm">
			<NativeSelect
				size="xs"
				flex={1}
				aria-label={`Order of ${label}`}
				data={[{ value: "", label: "Order: as listed", disabled: true }, ...sortable.map(({ title }) => title)]}
				value={current?.title ?? ""}
				onChange={(event) => {
					const column = sortable.find(({ title }) => title === event.currentTarget.value);
					if (column) onPress(column);
				}}
			/>
			{current && (
				<ActionIcon variant="default" size={30} aria-label="Turn the order round" onClick={() => onPress(current)}>
					<Arrow by={by} />
				</ActionIcon>
			)}
		</Group>
	);
}
