import { type ComboboxItem, type ComboboxParsedItemGroup, Select, Text } from "@mantine/core";
import type { Model } from "@valence/client";
import { familiesOf, matches } from "../families";
import { Capabilities } from "./capabilities";

interface Props {
	models: Model[];
	/** A model's name, or null for none. */
	value: string | null;
	onChange: (name: string | null) => void;
	/** Shown in place of a label where the choice filters a list. */
	placeholder?: string;
}

/** One model of the catalogue, grouped by family, found by any word of its name, family and capabilities. */
export function ModelSelect({ models, value, onChange, placeholder }: Props) {
	const modelOf = (name: string) => models.find((one) => one.name === name);
	return (
		<Select
			{...(placeholder ? { "aria-label": placeholder, placeholder, size: "xs", w: 160 } : { label: "Model" })}
			data={familiesOf(models).map((family) => ({
				group: family.name,
				items: family.models.map((model) => ({ value: model.name, label: model.title })),
			}))}
			value={value}
			onChange={onChange}
			searchable
			clearable={placeholder !== undefined}
			allowDeselect={placeholder !== undefined}
			nothingFoundMessage="No model fits"
			maxDropdownHeight={340}
			comboboxProps={{ width: 340, position: "bottom-start" }}
			filter={({ options, search }) =>
				(options as ComboboxParsedItemGroup[])
					.map((group) => ({
						...group,
						items: (group.items as ComboboxItem[]).filter((item) => {
							const model = modelOf(item.value);
							return model !== undefined && matches(model, search);
						}),
					}))
					.filter(({ items }) => items.length > 0)
			}
			renderOption={({ option }) => (
				<span className="option">
					<Text span size="sm">
						{option.label}
					</Text>
					<Capabilities of={modelOf(option.value)?.capabilities ?? []} />
				</span>
			)}
		/>
	);
}
