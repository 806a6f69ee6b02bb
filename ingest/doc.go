// Package ingest speaks the HTTP protocol of pytest-monitor: it takes contexts, sessions and metrics, answers 201
// once they are on stable storage, and finds contexts and sessions again by their hash. It is the one place that
// knows about base paths, tokens, limits and HTTP statuses.
//
// A [Handler] holds the routes, a [Authenticator] decides who may pass, a [Server] serves both on a listener. Other packages
// add their routes to the same base paths, behind the same door, through [Handler.MountAPI] and
// [Handler.MountPages].
//
// # What the client dictates
//
// The plugin has no timeout and no retry, opens a connection per request, and sends nothing more in a run after the
// first answer to a POST that is not 201; a redirect turns its POST into a GET. Hence every spelling of a path is
// answered directly, a lookup that fails says "unknown" instead of failing, and a refusal is read to its end.
package ingest
