import { Group, Paper, SimpleGrid, Text } from "@mantine/core";
import type { ReactNode } from "react";

/** A titled box. */
export const Panel = ({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) => (
	<Paper withBorder p="sm" component="section" aria-label={title}>
		<Group justify="space-between" mb="xs" mih={26}>
			<Text fw={600} size="sm">
				{title}
			</Text>
			{actions}
		</Group>
		{children}
	</Paper>
);

/** Names and values. */
export const Facts = ({ rows, columns = 1 }: { rows: [string, ReactNode][]; columns?: number }) =>
	rows.length === 0 ? (
		<Text size="sm" c="dimmed">
			Nothing yet
		</Text>
	) : (
		<SimpleGrid cols={{ base: 1, sm: columns }} spacing="xl" verticalSpacing={2} component="dl" m={0}>
			{rows.map(([name, value]) => (
				<Group key={name} justify="space-between" gap="xs" wrap="nowrap" align="baseline">
					<Text size="sm" c="dimmed" component="dt">
						{name}
					</Text>
					<Text size="sm" ta="right" component="dd" m={0} className="breaks">
						{value}
					</Text>
				</Group>
			))}
		</SimpleGrid>
	);
