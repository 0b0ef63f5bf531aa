import { Box, Group, Text, Tooltip } from "@mantine/core";
import { LINEAR } from "@valence/client";
import { cssColourOf } from "../colours";
import { percent } from "../format";
import { nameAt } from "../interests";
import { ColourDot } from "./colour-dot";

interface Props {
	shares: number[];
	/** What the interests leave to the model's linear path, where it has one. */
	linear?: number | undefined;
	names: string[];
}

/** Parts of a whole, one colour an interest, none what is no interest. */
export const ShareBar = ({ shares, linear, names }: Props) => {
	const parts: { cause: number | typeof LINEAR; share: number }[] = shares.map((share, cause) => ({ cause, share }));
	if (linear !== undefined) parts.push({ cause: LINEAR, share: linear });
	const label = parts.map(({ cause, share }) => `${nameAt(names, cause)} ${percent(share)}`).join(", ");
	return (
		<Tooltip label={label} multiline maw={320}>
			<Group gap={1} w={120} h={8} wrap="nowrap" role="img" aria-label={label} className="bar">
				{parts.map(({ cause, share }) => (
					<Box key={cause} h="100%" style={{ width: `${share * 100}%`, background: cssColourOf(cause) }} />
				))}
			</Group>
		</Tooltip>
	);
};

/** Of an interest, cut where it is long; or of what stands beside them, which is always the same and never cut. */
export const InterestLabel = ({ index, names }: { index: number | typeof LINEAR; names: string[] }) => (
	<Group gap={6} wrap="nowrap" component="span" className="label">
		<ColourDot index={index} />
		<Text span size="sm" truncate={index !== LINEAR} title={nameAt(names, index)}>
			{nameAt(names, index)}
		</Text>
	</Group>
);
