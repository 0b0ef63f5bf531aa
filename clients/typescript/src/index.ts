// Client of Valence's HTTP API: types from the published contract, and one function that connects.
export { type Client, connect } from "./client.js";
export type * from "./generated/openapi.js";
export type { Answer, ItemOf, Operation, PathOf } from "./operations.js";
export { Problem } from "./problem.js";
