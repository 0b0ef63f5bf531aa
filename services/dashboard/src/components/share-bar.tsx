import { Box, Group, Text, Tooltip } from "@mantine/core";
import { cssColourOf } from "../colours";
import { percent } from "../format";
import { ColourDot } from "./colour-dot";

export const interestName = (index: number) => `Interest ${index + 1}`;

/** Parts of a whole, one colour an interest. */
export const ShareBar = ({ shares }: { shares: number[] }) => {
	const label = shares.map((share, index) => `${interestName(index)} ${percent(share)}`).join(", ");
	return (
		<Tooltip label={label}>
			<Group gap={1} w={120} h={8} wrap="nowrap" role="img" aria-label={label} className="bar">
				{shares.map((share, index) => (
					// biome-ignore lint/suspicious/noArrayIndexKey: an interest is its index
					<Box key={index} h="100%" style={{ width: `${share * 100}%`, background: cssColourOf(index) }} />
				))}
			</Group>
		</Tooltip>
	);
};

export const InterestLabel = ({ index }: { index: number }) => (
	<Group gap={6} wrap="nowrap" component="span">
		<ColourDot index={index} />
		<Text span size="sm">
			{interestName(index)}
		</Text>
	</Group>
);
