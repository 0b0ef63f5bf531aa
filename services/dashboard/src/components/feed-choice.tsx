import { NativeSelect } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { feedToServe } from "../deploying";
import { useFeeds } from "../feed-queries";
import { useDataset } from "../queries";
import { useDeployments } from "../serving-queries";

interface Props {
	label: string;
	feeds: string[];
	/** null: none. */
	value: string | null;
	disabled?: boolean;
	onChange: (feed: string | null) => void;
}

/** Whose rows join people's histories. */
export const FeedSelect = ({ label, feeds, value, disabled = false, onChange }: Props) => (
	<NativeSelect
		label={label}
		size="xs"
		w={200}
		data={[{ value: "", label: "no feed" }, ...feeds.map((feed) => ({ value: feed, label: feed }))]}
		value={value ?? ""}
		disabled={disabled}
		onChange={(event) => onChange(event.currentTarget.value || null)}
	/>
);

/** The feed that a checkpoint of a dataset is to be served with under a name, and the field that chooses it. */
export function useFeedChoice(name: string, dataset = ""): { feed: string | null | undefined; field: ReactNode } {
	const feeds = useFeeds().data?.map((feed) => feed.name) ?? [];
	const deployments = useDeployments().data;
	const { data, isFetching } = useDataset(dataset);
	const [chosen, setChosen] = useState<string | null>();
	// As long as nothing can be chosen, what is served keeps its own.
	if (feeds.length === 0 || !deployments || (isFetching && !data)) return { feed: undefined, field: null };
	const now = deployments.find((one) => one.name === name);
	const feed = chosen === undefined ? feedToServe(now, data, feeds) : chosen;
	return {
		feed,
		field: <FeedSelect label="With today's history of" feeds={feeds} value={feed} onChange={setChosen} />,
	};
}
