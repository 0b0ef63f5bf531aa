import { Button, Group, Paper, Text } from "@mantine/core";
import type { Recommendations } from "@valence/client";
import type { ReactNode } from "react";
import { count } from "../format";

interface Props {
	preview: Recommendations["preview"];
	onReset: () => void;
	/** What can be done beside. */
	children: ReactNode;
}

const said = ({ length }: unknown[], one: string, several: string) =>
	`${count(length)} ${length === 1 ? one : several}`;

/** Wherever one has scrolled: how much changes, and what becomes of it. */
export const SteeringBar = ({ preview, onReset, children }: Props) => (
	<Paper className="steering-bar" p="xs" shadow="md" role="group" aria-label="Steering">
		<Group justify="space-between" gap="xs">
			<Text size="sm" role="status">
				{preview
					? preview.entered.length + preview.left.length === 0
						? "Nothing comes in or goes out."
						: `${said(preview.entered, "comes in", "come in")}, ${said(preview.left, "goes out", "go out")}.`
					: " "}
			</Text>
			<Group gap="xs">
				{children}
				<Button size="xs" variant="default" onClick={onReset}>
					Reset
				</Button>
			</Group>
		</Group>
	</Paper>
);
