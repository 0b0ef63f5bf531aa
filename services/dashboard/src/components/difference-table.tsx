import { Anchor } from "@mantine/core";
import { Link } from "react-router";
import { pairKey } from "../comparison-view";
import { type Finding, partText, pText, relativeOf, signed, verdictText, wonWords } from "../findings";
import { DataTable } from "./data-table";
import { WonBar, wonText } from "./won-bar";

interface Props {
	/** Of the comparison. */
	name: string;
	findings: Finding[];
	/** Where what is known of a pair is shown. */
	linkTo: (finding: Finding) => string;
}

const pairText = ({ name, against }: Finding) => `${name} − ${against}`;
const interval = ({ interval: found, base }: Finding) => {
	const parts = relativeOf(found, base);
	if (parts) return `${partText(parts.low)} to ${partText(parts.high)}`;
	return found ? `${signed(found.low)} to ${signed(found.high)}` : "–";
};

/** Every pair under one metric. */
export function DifferenceTable({ name, findings, linkTo }: Props) {
	const words = wonWords(findings[0]?.better ?? null);
	return (
		<DataTable
			label="Differences"
			takenAs={`Differences of ${name}`}
			rows={findings}
			keyOf={pairKey}
			pageSize={25}
			columns={[
				{
					title: "Pair",
					lead: true,
					value: pairText,
					text: pairText,
					values: [
						{ title: "Group", of: (one) => one.name },
						{ title: "Less", of: (one) => one.against },
					],
					cell: (one) => (
						<Anchor
							component={Link}
							to={linkTo(one)}
							preventScrollReset
							size="sm"
							underline="always"
							className="breaks"
						>
							{pairText(one)}
						</Anchor>
					),
				},
				{
					title: "Difference",
					numeric: true,
					value: (one) => one.difference,
					text: (one) => signed(one.difference),
					cell: (one) => <span className="together">{signed(one.difference)}</span>,
				},
				{
					title: "Verdict",
					value: verdictText,
					text: verdictText,
					cell: (one) => verdictText(one),
				},
				{
					title: "Relative",
					numeric: true,
					value: (one) => one.relative,
					text: (one) => partText(one.relative),
					cell: (one) => partText(one.relative),
				},
				{
					title: "95 % interval",
					numeric: true,
					text: interval,
					values: [
						{ title: "Low", of: (one) => one.interval?.low },
						{ title: "High", of: (one) => one.interval?.high },
					],
					cell: (one) => <span className="together">{interval(one)}</span>,
				},
				{
					title: "Effect, d_z",
					numeric: true,
					value: (one) => one.effect,
					text: (one) => effectText(one.effect),
					cell: (one) => effectText(one.effect),
				},
				{
					title: "p, corrected",
					numeric: true,
					value: (one) => one.pRandomisationHolm,
					text: (one) => pText(one),
					cell: (one) => <span className="together">{pText(one)}</span>,
				},
				{
					title: `Users ${words.join(" / ")}`,
					width: 150,
					value: (one) => one.won - one.lost,
					text: wonText,
					values: [
						{ title: `Users ${words[0]}`, of: (one) => one.won },
						{ title: `Users ${words[1]}`, of: (one) => one.tied },
						{ title: `Users ${words[2]}`, of: (one) => one.lost },
					],
					cell: (one) => <WonBar of={one} />,
				},
			]}
		/>
	);
}

const effectText = (effect: number | null) => (effect === null ? "–" : effect.toFixed(2).replace("-", "−"));
