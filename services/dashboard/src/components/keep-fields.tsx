import { Select, SimpleGrid, TextInput } from "@mantine/core";
import type { ReactNode } from "react";
import { CHECKPOINTS, type KeepTexts, runsProblem } from "../keep";

interface Props {
	texts: KeepTexts;
	onChange: (texts: KeepTexts) => void;
	/** What the service said of the field at a pointer. */
	refused: (pointer: string) => ReactNode;
}

/** Which checkpoints stay once runs have ended. */
export const KeepFields = ({ texts, onChange, refused }: Props) => (
	<SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="sm">
		<Select
			label="Checkpoints kept of a finished run"
			data={[...CHECKPOINTS]}
			value={texts.checkpoints}
			onChange={(value) => onChange({ ...texts, checkpoints: value ?? "best+last" })}
			allowDeselect={false}
			error={refused("checkpoints")}
		/>
		<TextInput
			label="Best runs that keep them"
			placeholder="every run"
			inputMode="numeric"
			value={texts.runs}
			onChange={(event) => onChange({ ...texts, runs: event.currentTarget.value.trim() })}
			error={runsProblem(texts.runs) ?? refused("runs")}
		/>
	</SimpleGrid>
);

export const KEEP_HINT =
	"The best runs are those of the highest validation value, chosen once every run has ended. Metrics stay, and so does a checkpoint that is served or being evaluated.";
