import { Select } from "@mantine/core";
import type { ReactNode } from "react";
import { useMachines } from "../machine-queries";

interface Props {
	value: string | null;
	onChange: (next: string | null) => void;
	error: ReactNode;
}

/** Which machines may take the runs. With one class there is nothing to choose. */
export function ClassField({ value, onChange, error }: Props) {
	const { classes = [] } = useMachines().data ?? {};
	// One that is gone is shown where it is asked for, so that it can be let go.
	const all = value === null || classes.includes(value) ? classes : [...classes, value];
	if (classes.length < 2 && value === null) return null;
	return (
		<Select
			label="Machines"
			placeholder="any"
			data={all.map((name) => ({ value: name, label: `of class ${name}` }))}
			value={value}
			onChange={onChange}
			clearable
			size="sm"
			mt="sm"
			maw={320}
			error={error}
		/>
	);
}
