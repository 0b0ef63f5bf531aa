import { SimpleGrid, TagsInput } from "@mantine/core";
import { useItems } from "../serving-queries";
import { changesOf, MOST_IDS, type Steering } from "../steering";
import { useAddress } from "../use-address";

const FIELDS = [
	{ name: "anyTag", label: "Any of these tags" },
	{ name: "allTags", label: "All of these tags" },
	{ name: "noTag", label: "None of these tags" },
] as const;

/** Only where items have tags. */
export function TagFilter({ deployment, steering }: { deployment: string; steering: Steering }) {
	const { change } = useAddress();
	const some = useItems(deployment, "", null, null).data?.items ?? [];
	const tags = [...new Set(some.flatMap((item) => item.tags))].sort();
	const asked = FIELDS.reduce((sum, { name }) => sum + steering[name].length, 0);
	if (tags.length + asked === 0) return null;
	return (
		<details>
			<summary>Filter by tags{asked > 0 && `, ${asked} asked`}</summary>
			<SimpleGrid cols={{ base: 1, sm: 3 }} mt="xs">
				{FIELDS.map(({ name, label }) => (
					<TagsInput
						key={name}
						size="xs"
						label={label}
						data={tags}
						maxTags={MOST_IDS}
						value={steering[name]}
						onChange={(chosen) => change(changesOf({ [name]: chosen }))}
					/>
				))}
			</SimpleGrid>
		</details>
	);
}
