import { Button, Group, Stack, Text, Textarea } from "@mantine/core";
import type { Deployment } from "@valence/client";
import { useState } from "react";
import { interestsOf } from "../interests";
import { pastedIds } from "../item-ids";
import { useList, useTitled } from "../serving-queries";
import { changesOf, MOST_IDS, type Steering, steeringFrom } from "../steering";
import { useAddress } from "../use-address";
import { Loaded } from "./feedback";
import { ItemsField } from "./items-field";
import { SteeredList } from "./steered-list";

/** Recommendations for somebody who is not in the data, from items they like; steered as those of users are. */
export function NewUser({ deployment }: { deployment: Deployment }) {
	const { search, change } = useAddress();
	const { with: items, ...steering } = steeringFrom(search);
	const setItems = (ids: string[]) => change(changesOf({ with: [...new Set(ids)].slice(0, MOST_IDS) }));
	const picked = useTitled(deployment.name, items);
	if (!deployment.capabilities.includes("fold_in"))
		return (
			<Text size="sm">{deployment.checkpoint.model} cannot answer for somebody who was not in its training data.</Text>
		);
	return (
		<Stack>
			<ItemsField
				deployment={deployment.name}
				label="Items they like"
				description={`At most ${MOST_IDS}.`}
				picked={picked}
				most={MOST_IDS}
				onChange={setItems}
			/>
			<Paste onAdd={(ids) => setItems([...items, ...ids])} />
			{items.length > 0 && <ForItems deployment={deployment} items={items} steering={{ ...steering, with: [] }} />}
		</Stack>
	);
}

function Paste({ onAdd }: { onAdd: (ids: string[]) => void }) {
	const [text, setText] = useState("");
	const ids = pastedIds(text);
	return (
		<details>
			<summary>Paste ids</summary>
			<Textarea
				aria-label="Ids, separated by commas or lines"
				placeholder={'One id a line, or several separated by commas; "with quotes, where an id has a comma"'}
				autosize
				minRows={3}
				maxRows={12}
				maw={560}
				mt="xs"
				value={text}
				onChange={(event) => setText(event.currentTarget.value)}
			/>
			<Group mt="xs">
				<Button
					size="xs"
					disabled={ids.length === 0}
					onClick={() => {
						onAdd(ids);
						setText("");
					}}
				>
					Add
				</Button>
			</Group>
		</details>
	);
}

interface Props {
	deployment: Deployment;
	items: string[];
	steering: Steering;
}

function ForItems({ deployment, items, steering }: Props) {
	const unasked = useList(deployment, { items }, null);
	return (
		<Loaded query={unasked}>
			{(answer) => (
				<SteeredList
					deployment={deployment}
					person={{ items }}
					label="Recommended"
					steering={steering}
					unasked={answer}
					interests={interestsOf(answer)}
				/>
			)}
		</Loaded>
	);
}
