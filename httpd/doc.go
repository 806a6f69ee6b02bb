// Package httpd is the HTTP server that others mount their routes on: listener, connections, TLS, limits, tokens,
// projects and error answers.
//
// A [Server] has three kinds of routes. Those of [Server.Public] are for everybody. Those of [Server.Routes] need a
// token where there are tokens, which the [Authenticator] checks. Those of [Server.Data] read or write the data of
// projects and learn the project from [ReadProject] or [WriteProject]. A handler reports a failure with [Fail]; one map
// turns the code of a [monitor.Error] into the status of the answer.
//
// # What the client dictates
//
// The plugin has no timeout and no retry. It opens a connection for each request. After the first answer to a POST that
// is not 201 it sends nothing more in that run. A redirect turns its POST into a GET. Therefore every spelling of a path
// is answered without a redirect, the body of a refused request is read to its end, and a server that stops answers
// every connection that it or its queue holds.
package httpd
