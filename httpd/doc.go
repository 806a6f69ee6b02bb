// Package httpd is the HTTP server of the bridge. It has the listener, the connections, TLS, limits, tokens, projects and
// error answers. Other packages mount their routes on it.
//
// # Routes
//
// A [Server] has three kinds of routes:
//
//   - [Server.Public]: everybody may use them.
//   - [Server.Routes]: a request needs a token while the bridge has tokens. The [Authenticator] checks it.
//   - [Server.Data]: as [Server.Routes], for the data of projects. Handlers get the project from [ReadProject] or
//     [WriteProject].
//
// A handler reports an error with [Fail]. One map turns the code of a [monitor.Error] into the HTTP status.
//
// # What pytest-monitor requires
//
// pytest-monitor has no timeout and no retry. It opens a connection for each request. After the first POST whose answer
// is not 201, it sends nothing more in this run. A redirect turns its POST into a GET. Therefore:
//
//   - The server answers every spelling of a path without a redirect.
//   - The server reads the body of a refused request, up to 64 MiB, before it answers.
//   - A server that stops answers every open connection, and every connection in the listener's queue.
package httpd
