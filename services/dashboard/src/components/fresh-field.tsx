import { NumberInput } from "@mantine/core";
import { changesOf, MOST_FRESH, type Steering } from "../steering";
import { useAddress } from "../use-address";

/** How many new items of the feed, which no model knows, may be in the list. */
export function FreshField({ steering: { fresh } }: { steering: Steering }) {
	const { change } = useAddress();
	return (
		<NumberInput
			size="xs"
			w={160}
			label="New items, at most"
			min={0}
			max={MOST_FRESH}
			allowDecimal={false}
			clampBehavior="strict"
			value={fresh}
			onChange={(value) => change(changesOf({ fresh: Number(value) || 0 }), { replace: true })}
		/>
	);
}
