import { NativeSelect, SimpleGrid, TagsInput, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { metricTitle } from "../format";
import { METRICS, type RefreshTexts } from "../refreshing";

interface Props {
	texts: RefreshTexts;
	onChange: (next: Partial<RefreshTexts>) => void;
	/** What is wrong with a field, or what the service said at a pointer. */
	problemOf: (field: string, pointer: string) => ReactNode;
}
const GRID = { cols: { base: 1, sm: 2, lg: 4 }, spacing: "sm" } as const;

/** On what the candidate is trained, and how often. */
export const TrainedFields = ({ texts, onChange, problemOf, feeds }: Props & { feeds: string[] }) => (
	<SimpleGrid {...GRID}>
		<NativeSelect
			label="Feed"
			data={feeds.includes(texts.feed) ? feeds : [texts.feed, ...feeds]}
			value={texts.feed}
			onChange={(event) => onChange({ feed: event.currentTarget.value })}
			error={problemOf("feed", "/feed")}
		/>
		<TagsInput
			label="Seeds"
			placeholder="one run for each"
			value={texts.seeds}
			onChange={(seeds) => onChange({ seeds })}
			error={problemOf("seeds", "/seeds")}
		/>
	</SimpleGrid>
);

/** When a refresh begins, and when it does not. */
export const ScheduleFields = ({ texts, onChange, problemOf }: Props) => (
	<SimpleGrid {...GRID}>
		<NativeSelect
			label="When"
			data={[
				{ value: "every", label: "every so often" },
				{ value: "cron", label: "at times, by cron" },
			]}
			value={texts.when}
			onChange={(event) => onChange({ when: event.currentTarget.value as RefreshTexts["when"] })}
		/>
		{texts.when === "every" ? (
			<TextInput
				label="Every"
				placeholder="6h"
				value={texts.every}
				onChange={(event) => onChange({ every: event.currentTarget.value })}
				error={problemOf("every", "/every")}
			/>
		) : (
			<>
				<TextInput
					label="Cron"
					placeholder="0 3 * * *"
					value={texts.cron}
					onChange={(event) => onChange({ cron: event.currentTarget.value })}
					error={problemOf("cron", "/cron")}
				/>
				<TextInput
					label="Time zone"
					placeholder="UTC"
					value={texts.timezone}
					onChange={(event) => onChange({ timezone: event.currentTarget.value })}
					error={problemOf("timezone", "/timezone")}
				/>
			</>
		)}
		<TextInput
			label="New interactions, at least"
			value={texts.minNew}
			onChange={(event) => onChange({ minNew: event.currentTarget.value })}
			error={problemOf("minNew", "/minNew")}
		/>
	</SimpleGrid>
);

/** What the candidate has to reach, and what is kept of earlier ones. */
export const GateFields = ({ texts, onChange, problemOf }: Props) => (
	<SimpleGrid {...GRID}>
		<NativeSelect
			label="Compared by"
			data={METRICS.map((value) => ({ value, label: metricTitle(`.${value}`) }))}
			value={texts.metric}
			onChange={(event) => onChange({ metric: event.currentTarget.value })}
			error={problemOf("metric", "/gate/metric")}
		/>
		<TextInput
			label="May lose to what is served, %"
			value={texts.tolerance}
			onChange={(event) => onChange({ tolerance: event.currentTarget.value })}
			error={problemOf("tolerance", "/gate/tolerance")}
		/>
		<TextInput
			label="Above popularity, %"
			value={texts.margin}
			onChange={(event) => onChange({ margin: event.currentTarget.value })}
			error={problemOf("margin", "/gate/margin")}
		/>
		<TextInput
			label="Refreshes kept"
			value={texts.keep}
			onChange={(event) => onChange({ keep: event.currentTarget.value })}
			error={problemOf("keep", "/keep/refreshes")}
		/>
	</SimpleGrid>
);
