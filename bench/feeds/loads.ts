// What is sent, as the sender does it and the table says it.
/** Rows when it is measured first. */
export const FIRST = 1_000;
/** Rows of an array, and of one of many writes. */
export const BATCH = 1_000;
export const CLIENTS = 4;
export const SINGLE_CLIENTS = 32;
