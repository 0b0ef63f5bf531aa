import { Code, Group, List, NumberInput, Select, Stack, Text, Title } from "@mantine/core";
import type { ComparisonDetail } from "@valence/client";
import { pairKey, pairOf, viewFrom } from "../comparison-view";
import { BAND, type Finding, findingsOf, footnoteOf, partText, sentenceOf } from "../findings";
import { metricTitle } from "../format";
import { intervalRows } from "../interval-rows";
import { useMetricDefinitions } from "../queries";
import { useAddress } from "../use-address";
import { DifferenceTable } from "./difference-table";
import { IntervalPlot } from "./interval-plot";
import { PairDetails } from "./pair-details";
import { TestedMeans } from "./tested-means";

/** More sentences than this are read by nobody: the table has the rest. */
const SENTENCES = 6;
const PLOTTED = 20;

/** What was found: sentences first, then numbers, then everything of one pair. */
export function ComparisonFound({ comparison }: { comparison: ComparisonDetail }) {
	const { search, change, linkTo } = useAddress();
	const known = useMetricDefinitions();
	const { metric, band, pair } = viewFrom(search, comparison);
	const all = findingsOf(comparison, known);
	const findings = all.filter((one) => one.metric === metric);
	const shown = pairOf(findings, pair);
	const toPair = (finding: Finding) => linkTo({ pair: pairKey(finding) });
	const title = metricTitle(`.${metric}`, known);
	const rows = intervalRows(findings.slice(0, PLOTTED), ({ name, against }) => `${name} − ${against}`, band);
	return (
		<Stack>
			<Group align="end" gap="sm">
				<Select
					label="Metric"
					size="xs"
					w={180}
					data={comparison.metrics.map((value) => ({ value, label: metricTitle(`.${value}`, known) }))}
					value={metric}
					onChange={(value) => change({ metric: value })}
					allowDeselect={false}
					searchable
				/>
				<NumberInput
					label="Practically equal within"
					size="xs"
					w={180}
					suffix=" %"
					min={0}
					max={100}
					step={0.5}
					decimalScale={2}
					value={search.get("band") ?? 100 * BAND}
					onChange={(value) => change({ band: String(value) }, { replace: true })}
				/>
			</Group>
			<List size="sm" spacing={6} listStyleType="none" aria-label="What was found">
				{findings.slice(0, SENTENCES).map((finding) => (
					<List.Item key={pairKey(finding)} className="breaks">
						<Text span size={findings.length === 1 ? "lg" : "md"}>
							{sentenceOf(finding, band)}
						</Text>
					</List.Item>
				))}
			</List>
			{findings.length > SENTENCES && (
				<Text size="sm" c="dimmed">
					And {findings.length - SENTENCES} more pairs below.
				</Text>
			)}
			{rows.length > 0 && findings.length > 1 && (
				<IntervalPlot
					title={`Differences in ${title}, as parts of the second's mean`}
					rows={rows}
					band={band}
					text={partText}
				/>
			)}
			<DifferenceTable name={`${comparison.name}, ${title}`} findings={findings} linkTo={toPair} />
			<Title order={3} size="h5">
				Means, with intervals of 95 %
			</Title>
			<TestedMeans comparison={comparison} known={known} />
			{shown && (
				<PairDetails
					comparison={comparison}
					finding={shown}
					all={all.filter((one) => pairKey(one) === pairKey(shown))}
					band={band}
				/>
			)}
			<Footnote comparison={comparison} />
		</Stack>
	);
}

const Footnote = ({ comparison }: { comparison: ComparisonDetail }) => (
	<Stack gap={4}>
		<Text size="xs" c="dimmed">
			{footnoteOf(comparison)}
		</Text>
		<details>
			<summary>How to read this</summary>
			<Text size="sm">
				A difference is that of two means over the same users. Its interval says how far it could lie from what was seen
				with other users, or, where several seeds stand behind it, with other seeds and users. p is how often so large a
				difference comes about where there is none, raised for the number of tests that were made at once (≤: so few
				draws cannot tell of less); below 0.05 a difference is shown, of methods where seeds say so, too, else of these
				runs alone. With many users small differences are shown too: whether one matters, its size says, and the effect
				(d_z, the difference over its deviation among users). <Code>docs/comparisons.md</Code> says more.
			</Text>
		</details>
	</Stack>
);
