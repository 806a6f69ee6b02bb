// Package cache keeps contexts and sessions in memory, because every metric needs one of each.
//
// [Store] puts a bounded ristretto cache in front of any [monitor.MetadataStore]. The cache is never the only copy. A value
// that the cache lacks is read from the store, and one read serves all callers that wait for the same value.
//
// # A value is found right after its put
//
// Ristretto applies writes later, in the background, and may drop them. Nothing here relies on a write:
//
//   - A value that the cache lacks is read from the store, which had it before the put.
//   - A value or an absence is remembered together with a number: how many puts its hash had seen before the store was asked.
//     A later put changes that number, and what has an old number is ignored. So the order of writes and puts does not matter,
//     also when a lookup began before the put and ended after it.
//   - A caller that comes after a put does not join a lookup that began before the put.
//
// # Other stores
//
// [Fallback] puts a local store before a remote store, and stores locally the values that only the remote store had.
// [Separate] keeps projects apart from the first token on.
package cache
