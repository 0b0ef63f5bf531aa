import { Button, Group, Text } from "@mantine/core";
import { Link } from "react-router";
import { count } from "../format";
import { useAddress } from "../use-address";

interface Props {
	page: { total: number; nextCursor: string | null };
	/** Of one and of several. */
	names: [one: string, several: string];
}

/** How many there are, and the way through them. */
export function CursorPages({ page: { total, nextCursor }, names: [one, several] }: Props) {
	const { search, linkTo } = useAddress();
	return (
		<Group gap="xs">
			<Text size="sm" c="dimmed" role="status">
				{count(total)} {total === 1 ? one : several}
			</Text>
			{search.has("cursor") && (
				<Button size="xs" variant="default" component={Link} to={linkTo({ cursor: null })}>
					First
				</Button>
			)}
			{nextCursor && (
				<Button size="xs" variant="default" component={Link} to={linkTo({ cursor: nextCursor })}>
					Next
				</Button>
			)}
		</Group>
	);
}

/** The way through what comes newest first, and is not counted. */
export function NewestFirstPages({ nextCursor }: { nextCursor: string | null }) {
	const { search, linkTo } = useAddress();
	return (
		<Group>
			{search.has("cursor") && (
				<Button size="xs" variant="default" component={Link} to={linkTo({ cursor: null })}>
					Newest
				</Button>
			)}
			{nextCursor && (
				<Button size="xs" variant="default" component={Link} to={linkTo({ cursor: nextCursor })}>
					Older
				</Button>
			)}
		</Group>
	);
}
