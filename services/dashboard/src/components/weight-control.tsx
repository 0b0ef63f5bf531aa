import { SegmentedControl, Slider } from "@mantine/core";
import { LEVELS, MOST_WEIGHT } from "../steering";

interface Props {
	/** Whose weight it is. */
	name: string;
	weight: number;
	/** `isFine` while a slider is drawn: its stops are no steps to go back to. */
	onChange: (weight: number, isFine: boolean) => void;
}

const STEP = 0.25;

/** How much an interest counts: four levels, and any weight behind a disclosure. */
export const WeightControl = ({ name, weight, onChange }: Props) => (
	<>
		<SegmentedControl
			fullWidth
			size="xs"
			mt="xs"
			aria-label={`How much of ${name}`}
			data={LEVELS.map((level) => ({ value: String(level.weight), label: level.label }))}
			value={String(weight)}
			onChange={(value) => onChange(Number(value), false)}
		/>
		<details>
			<summary>Fine</summary>
			<Slider
				my={4}
				mb={24}
				mx={8}
				size="sm"
				classNames={{ markLabel: "mark" }}
				min={0}
				max={MOST_WEIGHT}
				step={STEP}
				marks={[0, 1, 2, MOST_WEIGHT].map((value) => ({ value, label: String(value) }))}
				thumbLabel={`Weight of ${name}`}
				value={weight}
				onChange={(value) => onChange(value, true)}
			/>
		</details>
	</>
);
