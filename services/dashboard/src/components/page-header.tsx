import { Anchor, Group, Text, Title } from "@mantine/core";
import { useDocumentTitle } from "@mantine/hooks";
import type { ReactNode } from "react";
import { Link } from "react-router";

interface Props {
	title: string;
	/** The page above this one. */
	parent?: { to: string; label: string };
	badge?: ReactNode;
	details?: ReactNode;
	actions?: ReactNode;
}

/** What a page is, and what can be done on it. */
export function PageHeader({ title, parent, badge, details, actions }: Props) {
	useDocumentTitle(`${title} · Valence`);
	return (
		<Group justify="space-between" align="end" gap="sm">
			<div>
				{parent && (
					<Anchor component={Link} to={parent.to} size="xs" c="dimmed">
						{parent.label} /
					</Anchor>
				)}
				<Group gap="sm">
					<Title order={2} size="h3" className="breaks">
						{title}
					</Title>
					{badge}
				</Group>
				{details && (
					<Text size="sm" c="dimmed" component="div" className="breaks">
						{details}
					</Text>
				)}
			</div>
			{actions && <Group gap="xs">{actions}</Group>}
		</Group>
	);
}
