import { Group, Text } from "@mantine/core";
import { ColourDot } from "./colour-dot";

/** The names of the lines of all charts beside it. */
export const Legend = ({ lines }: { lines: { id: string; label: string }[] }) => (
	<Group gap="4px 16px" role="group" aria-label="Legend">
		{lines.map(({ id, label }, index) => (
			<Group key={id} gap={6} wrap="nowrap">
				<ColourDot index={index} />
				<Text size="xs">{label}</Text>
			</Group>
		))}
	</Group>
);
