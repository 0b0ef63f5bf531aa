import { MultiSelect, Text } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import type { Item } from "@valence/client";
import { useState } from "react";
import { titleOf } from "../interests";
import { useItems } from "../serving-queries";
import { ItemName } from "./item-name";
import { SEARCH_MS } from "./search-field";

interface Props {
	deployment: string;
	label: string;
	description?: string;
	picked: Item[];
	onChange: (ids: string[]) => void;
	most?: number;
	disabled?: boolean;
}

/** Items, found by their id or words of their title. */
export function ItemsField({ deployment, label, description, picked, onChange, most, disabled }: Props) {
	const [typed, setTyped] = useState("");
	const [q] = useDebouncedValue(typed, SEARCH_MS);
	const found = useItems(deployment, q, null, null).data?.items ?? [];
	const known = new Map([...found, ...picked].map((item) => [item.id, item]));
	return (
		<MultiSelect
			label={label}
			description={description}
			placeholder={picked.length === 0 ? "Words of a title, or the beginning of an id" : undefined}
			searchable
			hidePickedOptions
			clearSearchOnChange
			maxValues={most}
			disabled={disabled}
			searchValue={typed}
			onSearchChange={setTyped}
			data={[...known.values()].map((item) => ({ value: item.id, label: titleOf(item) }))}
			// The service has searched.
			filter={({ options }) => options}
			renderOption={({ option }) => (
				<Text size="sm">
					<ItemName item={known.get(option.value) ?? { id: option.value, title: null }} />
				</Text>
			)}
			nothingFoundMessage="No item fits"
			value={picked.map(({ id }) => id)}
			onChange={onChange}
		/>
	);
}
