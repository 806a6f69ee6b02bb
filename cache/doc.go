// Package cache keeps contexts and sessions at hand, since every metric needs one of each.
//
// [Store] puts a bounded ristretto cache in front of any [monitor.MetadataStore]. It is never the only copy: what it
// does not hold is read from the store, and one read serves everybody who asks meanwhile.
//
// # What was just put is found
//
// Ristretto applies writes later, in the background, and may drop them. Nothing here relies on a write:
//
//   - A value that is missing from the cache is read from the store, which had it before the put.
//   - An absence is remembered together with the number of puts that its hash had seen when the store was asked.
//     A later put changes that number, and an absence with another number is not believed. So it does not matter
//     whether the absence is written before or after the put, or by a lookup that began before and ended after it.
//   - A lookup that began before a put is not joined by callers who come after it.
//
// A value, once stored, never changes, so a value that is found is right.
//
// [Fallback] puts a local store before a remote one, and keeps locally what only the remote one had. [Separate] keeps
// projects apart where there are tokens.
package cache
