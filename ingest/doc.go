// Package ingest takes what pytest-monitor sends: contexts, sessions and metrics. It answers 201 once they are on stable
// storage. It also says how the bridge is.
//
// What the plugin asks before it sends is answered by package api, together with all other questions about contexts and
// sessions.
package ingest
