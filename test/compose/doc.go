// Package compose checks the container files with the parsers that Docker itself uses. It is a module of its own, so
// that these parsers are no dependency of the program.
//
// No container is started: the tests hold what can be known from the files.
package compose
