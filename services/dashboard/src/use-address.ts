import { type NavigateOptions, useSearchParams } from "react-router";
import { type Changes, changed } from "./address";
import { userPath } from "./links";

/** The parameters of the address, and what changes some of them. */
export function useAddress() {
	const [search, setSearch] = useSearchParams();
	const change = (changes: Changes, options?: NavigateOptions) => setSearch(changed(search, changes), options);
	/** Where a link leads that changes them. */
	const linkTo = (changes: Changes) => `?${changed(search, changes)}`;
	return { search, change, linkTo };
}

/** Where a user is shown, in the deployment that the address names; without what else it holds of another user. */
export function useUserPath() {
	const deployment = useSearchParams()[0].get("deployment");
	return (id: string) => userPath(id, new URLSearchParams(deployment === null ? {} : { deployment }));
}
