import { SimpleGrid, Stack, Text, Title } from "@mantine/core";
import { type ComparisonDetail, type GroupMean, oneSeedSentence, probability } from "@valence/client";
import { listsPath, overlapOf, overlapRows } from "../comparison-view";
import { type Finding, partText, powerSentence, pText, relativeOf, signed, wonWords } from "../findings";
import { count, metric } from "../format";
import { intervalRows } from "../interval-rows";
import { depthOf } from "../tested-lists";
import { DifferenceHistogram } from "./difference-histogram";
import { Facts, Panel } from "./facts";
import { IntervalPlot } from "./interval-plot";
import { ListOverlapPanel } from "./list-overlap";
import { UserDifferences } from "./user-differences";

interface Props {
	comparison: ComparisonDetail;
	/** Under the metric that is shown. */
	finding: Finding;
	/** Of the same pair under every metric. */
	all: Finding[];
	band: number;
}

/** Everything that is known of two models under a metric. */
export function PairDetails({ comparison, finding, all, band }: Props) {
	const { name, against, title } = finding;
	const overlap = overlapOf(comparison.result?.overlaps ?? [], finding, depthOf(finding.metric));
	const most = finding.better === null ? "have most more" : "gain most";
	const [note, power] = [oneSeedSentence(finding), powerSentence(finding)];
	const rows = intervalRows(all, (one) => one.title, band);
	const linkTo = (user: string) => listsPath(comparison, finding, user, finding.metric);
	return (
		<Stack component="section" aria-label={`${name} and ${against}`}>
			<Title order={3} size="h5" className="breaks">
				{name} − {against}, {title}
			</Title>
			{note && <Text size="sm">{note}</Text>}
			{power && <Text size="sm">{power}</Text>}
			<SimpleGrid cols={{ base: 1, md: 2 }}>
				<Panel title="Numbers">
					<Facts rows={factsOf(comparison, finding)} />
				</Panel>
				<Stack>
					<DifferenceHistogram finding={finding} />
					{overlap && <ListOverlapPanel rows={overlapRows(overlap, name, against)} depth={overlap.depth} />}
				</Stack>
			</SimpleGrid>
			{all.length > 1 && (
				<IntervalPlot title={`${name} − ${against} in every metric`} rows={rows} band={band} text={partText} />
			)}
			<SimpleGrid cols={{ base: 1, md: 2 }}>
				<UserDifferences
					title={`Users who ${most} with ${name}`}
					users={finding.wonMost}
					{...{ name, against, linkTo }}
				/>
				<UserDifferences
					title={`Users who ${most} with ${against}`}
					users={finding.lostMost}
					{...{ name, against, linkTo }}
				/>
			</SimpleGrid>
		</Stack>
	);
}

const span = (interval: Finding["interval"], base: Finding["base"]) => {
	if (!interval) return "–";
	const parts = relativeOf(interval, base);
	const inParts = parts ? ` (${partText(parts.low)} to ${partText(parts.high)})` : "";
	return `${signed(interval.low)} to ${signed(interval.high)}${inParts}`;
};

const testOf = ({ seedsTest }: Finding) =>
	seedsTest ? `, ${seedsTest === "one_sample" ? "t of one sample" : "Welch's t"}` : "";

function factsOf({ result }: ComparisonDetail, finding: Finding): [string, string][] {
	const meanOf = (group: number) => result?.means.find((one) => one.group === group && one.metric === finding.metric);
	const text = (mean: GroupMean | undefined) =>
		mean
			? `${metric(mean.mean)}, ${mean.seeds} ${mean.seeds === 1 ? "seed" : "seeds"}${mean.seedDeviation === null ? "" : ` ± ${metric(mean.seedDeviation)}`}`
			: "–";
	return [
		[finding.name, text(meanOf(finding.group))],
		[finding.against, text(meanOf(finding.baseline))],
		["Difference", `${signed(finding.difference)} (${partText(finding.relative)})`],
		["95 % interval over users", span(finding.usersInterval, finding.base)],
		["95 % interval over seeds, then users", span(finding.seedsInterval, finding.base)],
		["Effect, d_z", finding.effect === null ? "–" : finding.effect.toFixed(3).replace("-", "−")],
		["p, sign flips, corrected", pText(finding)],
		["p, paired t, corrected", probability(finding.pTHolm)],
		["p over the means of seeds, uncorrected", `${probability(finding.pSeeds)}${testOf(finding)}`],
		[`Users ${wonWords(finding.better).join(" / ")}`, [finding.won, finding.tied, finding.lost].map(count).join(" / ")],
	];
}
