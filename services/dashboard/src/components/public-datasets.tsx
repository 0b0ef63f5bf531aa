import { Anchor, List, Text } from "@mantine/core";
import { PUBLIC_DATASETS } from "../import-wizard";

/** Where to fetch data that others use, and which file of it to drop. */
export const PublicDatasets = () => (
	<details>
		<summary>Public datasets to try</summary>
		<List size="sm" mt="xs" spacing={6}>
			{PUBLIC_DATASETS.map(({ name, about, url, take }) => (
				<List.Item key={name}>
					<Anchor href={url} target="_blank" rel="noreferrer" size="sm" underline="always">
						{name}
					</Anchor>
					: {about}.{" "}
					<Text span size="sm" c="dimmed">
						Take {take}.
					</Text>
				</List.Item>
			))}
		</List>
	</details>
);
