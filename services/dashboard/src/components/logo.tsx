/** Three interests that overlap in one person. */
export const Logo = () => (
	<svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
		<circle cx="11" cy="12" r="8" fill="#4c6ef5" />
		<circle cx="21" cy="12" r="8" fill="#f59f00" fillOpacity="0.8" />
		<circle cx="16" cy="21" r="8" fill="#12b886" fillOpacity="0.8" />
	</svg>
);
