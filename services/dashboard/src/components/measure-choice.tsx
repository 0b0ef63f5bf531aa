import { Button, Checkbox, Popover, Stack } from "@mantine/core";
import { MixerHorizontalIcon } from "@radix-ui/react-icons";
import { metricTitle } from "../format";
import { measuresOf } from "../measures";
import { useMetricDefinitions } from "../queries";

interface Props {
	/** Of the table. */
	label: string;
	/** Metrics that there are. */
	names: string[];
	/** Those that are shown. */
	shown: string[];
	/** Is handed names without cut-offs. */
	onChange: (measures: string[]) => void;
}

/** Which of many metrics a table shows; nothing where they are few. */
export function MeasureChoice({ label, names, shown, onChange }: Props) {
	const known = useMetricDefinitions();
	const all = measuresOf(names);
	const chosen = measuresOf(shown);
	if (all.length <= 2) return null;
	return (
		<Popover position="bottom-end" withinPortal>
			<Popover.Target>
				<Button
					size="compact-xs"
					variant="default"
					leftSection={<MixerHorizontalIcon width={14} height={14} aria-hidden />}
					aria-label={`${chosen.length} of ${all.length} metrics of ${label}`}
				>
					{chosen.length} of {all.length} metrics
				</Button>
			</Popover.Target>
			<Popover.Dropdown>
				<Checkbox.Group value={chosen} onChange={onChange} aria-label={`Metrics shown in ${label}`}>
					<Stack gap={6}>
						{all.map((measure) => (
							<Checkbox
								key={measure}
								size="xs"
								value={measure}
								label={metricTitle(`.${measure}`, known)}
								disabled={chosen.length === 1 && chosen.includes(measure)}
							/>
						))}
					</Stack>
				</Checkbox.Group>
			</Popover.Dropdown>
		</Popover>
	);
}
