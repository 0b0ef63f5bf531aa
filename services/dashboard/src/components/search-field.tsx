import { CloseButton, TextInput } from "@mantine/core";
import { MagnifyingGlassIcon } from "@radix-ui/react-icons";
import { useAddress } from "../use-address";

/** A search is asked for once nobody has typed for so long. */
export const SEARCH_MS = 250;

interface Props {
	label: string;
	placeholder: string;
	/** The first that is found, if any. */
	first: (q: string) => Promise<string | undefined>;
	onOpen: (id: string) => void;
	/** `isStep`: going back leads to before it. */
	onType: (text: string, isStep: boolean) => void;
}

/** Filters the list below as one types; Enter opens the first of it. */
export function SearchField({ label, placeholder, first, onOpen, onType }: Props) {
	const { search } = useAddress();
	const q = search.get("q") ?? "";
	// A step back leaves the search, not its last letter.
	const type = (text: string) => onType(text, !search.has("q"));
	return (
		<search className="search">
			<form
				onSubmit={async (event) => {
					event.preventDefault();
					const id = await first(q);
					if (id !== undefined) onOpen(id);
				}}
			>
				<TextInput
					label={label}
					placeholder={placeholder}
					autoComplete="off"
					leftSection={<MagnifyingGlassIcon width={16} height={16} aria-hidden />}
					rightSection={q !== "" && <CloseButton size="sm" aria-label="Clear the search" onClick={() => type("")} />}
					value={q}
					onChange={(event) => type(event.currentTarget.value)}
				/>
			</form>
		</search>
	);
}
