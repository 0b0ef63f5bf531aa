import { Box, Group, Text, Tooltip } from "@mantine/core";
import { cssColourOf } from "../colours";
import { percent } from "../format";
import { nameAt } from "../interests";
import { ColourDot } from "./colour-dot";

/** Parts of a whole, one colour an interest. */
export const ShareBar = ({ shares, names }: { shares: number[]; names: string[] }) => {
	const label = shares.map((share, index) => `${nameAt(names, index)} ${percent(share)}`).join(", ");
	return (
		<Tooltip label={label} multiline maw={320}>
			<Group gap={1} w={120} h={8} wrap="nowrap" role="img" aria-label={label} className="bar">
				{shares.map((share, index) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: an interest is its index
					<Box key={index} h="100%" style={{ width: `${share * 100}%`, background: cssColourOf(index) }} />
				))}
			</Group>
		</Tooltip>
	);
};

export const InterestLabel = ({ index, names }: { index: number; names: string[] }) => (
	<Group gap={6} wrap="nowrap" component="span" className="label">
		<ColourDot index={index} />
		<Text span size="sm" truncate title={nameAt(names, index)}>
			{nameAt(names, index)}
		</Text>
	</Group>
);
